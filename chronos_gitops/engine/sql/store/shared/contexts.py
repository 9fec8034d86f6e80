"""Contexts: what attempts ran with besides git, stored once a month for all attempts that ran with the same.

Retention deletes a context by its month, so that it need not look for the last row that refers to it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from chronos_gitops.engine.sql.store.shared import interning
from chronos_gitops.engine.sql.store.shared.interning import SharedTable
from chronos_gitops.engine.sql.store.store import Session
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.observed import Observed

_TABLE: Final = SharedTable(
    find="SELECT digest, key FROM contexts WHERE digest IN (:digests[])",
    add="INSERT INTO contexts (digest, month, document) VALUES (:digest, :month, :document) ON CONFLICT DO NOTHING",
)
_FORGET: Final = "DELETE FROM contexts WHERE month < :month"
_COMPACT: Final = json.JSONEncoder(separators=(",", ":"))
_SHARED_HEADERS: Final = frozenset(("content-type",))
"""Response headers that differ little between attempts."""


@dataclass(frozen=True, slots=True)
class SharedContext:
    """The ``document`` that attempts of a month share; ``headers`` (JSON) are the attempt's own."""

    digest: str
    month: int
    document: str
    headers: str | None


def split(observed: Observed, at: datetime) -> SharedContext:
    """The context of an attempt that began at ``at``."""
    document = observed.document()
    headers: Mapping[str, str] = document.pop("headers", {})
    own = {name: value for name, value in headers.items() if name.lower() not in _SHARED_HEADERS}
    if len(own) < len(headers):
        document["headers"] = {name: value for name, value in headers.items() if name not in own}
    text, month = _COMPACT.encode(document), _month(at)
    return SharedContext(_digest(month, text), month, text, _COMPACT.encode(own) if own else None)


def joined(document: str, headers: str | None) -> Observed:
    """The reverse of ``split``."""
    found = json.loads(document)
    if headers is not None:
        found["headers"] = found.get("headers", {}) | json.loads(headers)
    return Observed.from_document(found)


def keys(session: Session, contexts: Iterable[SharedContext]) -> dict[str, int]:
    """By digest; new ones are stored."""
    rows: dict[str, dict[str, Any]] = {one.digest: {"month": one.month, "document": one.document} for one in contexts}
    return interning.keys(session, _TABLE, rows)


def forget(session: Session, until: datetime) -> None:
    """Deletes those of months before that of ``until``."""
    session.execute(_FORGET, {"month": _month(until)})


def _month(at: datetime) -> int:
    return at.year * 12 + at.month - 1


@lru_cache(maxsize=1000)
def _digest(month: int, document: str) -> str:
    return hashlib.sha256(f"{month} {document}".encode()).hexdigest()[:32]
