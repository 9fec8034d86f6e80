"""The calls that forges take, as values. Pure."""

import json
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.rollback.publish import Proposal, ReviewRequest


class StatusState(StrEnum):
    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """``commit`` is a full id; ``description`` has at most 140 characters; ``link`` is empty without a public_url."""

    commit: str
    state: StatusState
    description: str
    context: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class ForgeCall:
    """``path`` begins with ``/`` and is relative to the forge's address; ``query`` and ``body`` are not encoded yet."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] | None = None

    @property
    def target(self) -> str:
        return f"{self.path}?{urlencode(self.query, quote_via=quote)}" if self.query else self.path

    @property
    def content(self) -> bytes | None:
        return None if self.body is None else json.dumps(self.body, ensure_ascii=False).encode("utf-8", "replace")


class Dialect(Protocol):
    """One kind of forge."""

    def headers(self, token: str) -> tuple[tuple[str, str], ...]: ...

    def status(self, status: CommitStatus) -> ForgeCall: ...

    def is_kept(self, status: CommitStatus, code: int, body: bytes) -> bool:
        """True for an error that says that the commit has this state already."""

    def find(self, proposal: Proposal) -> ForgeCall:
        """Finds an open request of these two branches."""

    def found(self, document: Any) -> ReviewRequest | None:
        """The request in the answer to ``find``. KeyError, TypeError or ValueError for something else."""

    def open(self, proposal: Proposal) -> ForgeCall: ...

    def opened(self, document: Any) -> ReviewRequest:
        """The request in the answer to ``open``. Raises as ``found`` does."""


def request_of(document: Any, *, number: str, url: str) -> ReviewRequest:
    """By the names of its fields. KeyError, TypeError or ValueError where they are not there, or no web address."""
    address = document[url]
    if not isinstance(address, str) or not address.startswith(("https://", "http://")):
        raise ValueError("the request has no web address")
    return ReviewRequest(int(document[number]), address)


def optional(name: str, value: str) -> dict[str, str]:
    return {name: value} if value else {}
