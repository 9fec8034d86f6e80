"""``expect``: the promises of a job, and when a broken one is reported (PROMISES section 2)."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from enum import StrEnum
from typing import Any

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations


class ExpectationKind(StrEnum):
    START_WITHIN = "start_within"
    MAX_DURATION = "max_duration"
    MIN_DURATION = "min_duration"
    FINISH_BY = "finish_by"
    SUCCESS_EVERY = "success_every"


@dataclass(frozen=True, slots=True)
class Expect:
    """``finish_by`` is a wall clock time ``HH:MM`` in the job's zone; None where nothing is expected."""

    start_within: timedelta | None = None
    max_duration: timedelta | None = None
    min_duration: timedelta | None = None
    finish_by: str | None = None
    success_every: timedelta | None = None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Expect | None":
        """Of a document that validation accepted; None where it expects nothing."""
        given = {name: value for name, value in document.items() if value is not None}
        read: dict[str, Any] = {
            name: value if name == "finish_by" else durations.parse(value) for name, value in given.items()
        }
        return cls(**read) if read else None

    def document(self) -> dict[str, str]:
        """The limits that there are, as text; the inverse of ``from_document``."""
        return {kind.value: text for kind, text in self.limits().items()}

    def limits(self) -> dict[ExpectationKind, str]:
        found = {ExpectationKind(one.name): getattr(self, one.name) for one in fields(self)}
        return {
            kind: limit if isinstance(limit, str) else durations.render(limit)
            for kind, limit in found.items()
            if limit is not None
        }
