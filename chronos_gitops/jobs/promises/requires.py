"""``requires``: the gate of a job, a recent success of another one (PROMISES section 9)."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations


class Unmet(StrEnum):
    """Action for an execution whose requirement was not met in time."""

    SKIP = "skip"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Requires:
    """A success of ``job`` that is not older than ``success_within``; an execution waits ``wait`` for it."""

    job: str
    success_within: timedelta
    wait: timedelta = timedelta(0)
    otherwise: Unmet = Unmet.SKIP

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Requires":
        """Of a document that validation accepted; anything else may raise anything."""
        return cls(
            document["job"],
            durations.parse(document["success_within"]),
            durations.parse(document.get("wait") or "0s"),
            Unmet(document.get("otherwise") or Unmet.SKIP),
        )

    def document(self) -> dict[str, str]:
        """The inverse of ``from_document``, with the defaults written out."""
        return {
            "job": self.job,
            "success_within": durations.render(self.success_within),
            "wait": durations.render(self.wait),
            "otherwise": self.otherwise.value,
        }
