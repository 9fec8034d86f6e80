"""Values that many rows share: each is stored once, and the rows hold its key."""

from collections.abc import Collection, Mapping
from typing import Any

from chronos_gitops.engine.sql.store.store import Session
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class SharedTable:
    """``find`` selects ``digest`` and ``key`` of the parameter ``digests``; ``add`` adds a row unless its digest is
    stored already."""

    find: str
    add: str


def keys(session: Session, table: SharedTable, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """The keys of these rows by their digests. Rows that are not stored yet are added, in one order, so that two
    runners which add the same rows cannot block each other."""
    known = _find(session, table, rows.keys())
    missing = sorted(rows.keys() - known.keys())
    if missing:
        session.executemany(table.add, [{"digest": digest, **rows[digest]} for digest in missing])
        known |= _find(session, table, missing)
    return known


def _find(session: Session, table: SharedTable, digests: Collection[str]) -> dict[str, int]:
    if not digests:
        return {}
    found = session.execute(table.find, {"digests": list(digests)}).fetchall()
    return {row["digest"]: row["key"] for row in found}
