"""Many jobs paused, resumed or triggered by one call: the call, its items, and the rule for pauses. Pure."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from chronos_gitops.engine.model import Pause
from chronos_gitops.engine.operations.pauses import combined
from chronos_gitops.errors import ConflictError
from chronos_gitops.jobs.promises.guard import GUARD
from chronos_gitops.process.lazy_dataclass import dataclass

MOST_TRIGGERED: Final = 1000
_NESTED_AT_MOST = 8
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://chronos-gitops/bulk")


class BulkAction(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    TRIGGER = "trigger"


class BulkOutcome(StrEnum):
    """``KEPT``: an operator's own pause lasts at least as long. ``SKIPPED``: triggered while the job was busy."""

    PAUSED = "paused"
    KEPT = "kept"
    RESUMED = "resumed"
    NOT_PAUSED = "not_paused"
    TRIGGERED = "triggered"
    SKIPPED = "skipped"
    FAILED = "failed"

    @property
    def is_change(self) -> bool:
        return self in (BulkOutcome.PAUSED, BulkOutcome.RESUMED, BulkOutcome.TRIGGERED)


class BulkKeyReused(ConflictError):
    """The Idempotency-Key belongs to a call with another body."""

    kind = "idempotency-key-reused"


@dataclass(frozen=True, slots=True)
class BulkItem:
    """``until`` is the end of the pause that holds afterwards, ``execution`` the id of a triggered one."""

    job: str
    outcome: BulkOutcome
    until: datetime | None = None
    execution: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class BulkCall:
    """``jobs`` are those that the selection had when the call came. ``bulk``: a resume ends only pauses of that call.
    ``fingerprint`` is that of the request body, where the call has an Idempotency-Key: then the engine remembers it,
    and a repetition answers or continues the first one."""

    id: str
    action: BulkAction
    jobs: tuple[str, ...]
    by: str
    reason: str
    at: datetime
    until: datetime | None = None
    bulk: str | None = None
    fingerprint: str | None = None

    @property
    def pause(self) -> Pause:
        """The pause of each job, whose name is filled in for it."""
        return Pause("", self.reason, self.by, self.at, self.until, bulk=self.id)

    @property
    def request_key(self) -> str:
        """By which a job's engine recognizes the execution that this call has triggered."""
        return f"bulk/{self.id}"

    def document(self) -> dict[str, Any]:
        instants = {
            name: None if at is None else at.isoformat() for name, at in (("at", self.at), ("until", self.until))
        }
        return asdict(self) | instants

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "BulkCall":
        """The inverse of ``document``."""
        at, until = document["at"], document["until"]
        values = {
            "action": BulkAction(document["action"]),
            "jobs": tuple(document["jobs"]),
            "at": datetime.fromisoformat(at),
            "until": None if until is None else datetime.fromisoformat(until),
        }
        return cls(**{**document, **values})


def call_id(action: BulkAction, by: str, key: str | None) -> str:
    """The same for the same key of one caller."""
    return str(uuid.uuid4() if key is None else uuid.uuid5(_NAMESPACE, f"{action}/{by}/{key}"))


def check_same(first: str | None, again: str | None) -> None:
    """BulkKeyReused unless the second call under a key has the fingerprint of the first one."""
    if first != again:
        raise BulkKeyReused(
            "The Idempotency-Key was used for a call with another body.", hint="Use a new key for a new call."
        )


def paused(before: Pause | None, wanted: Pause) -> Pause:
    """The pause that holds after a bulk pause: the one that was there where it lasts at least as long, so that no
    pause is shortened. A longer one remembers what it took the place of."""
    if before is None or not before.holds_at(wanted.at):
        return wanted
    if before.by == GUARD:
        return combined(before, wanted)
    if before.until is None or (wanted.until is not None and wanted.until <= before.until):
        return before
    extended = replace(before, beside=None)
    return replace(wanted, extends=_at_most(extended, _NESTED_AT_MOST), beside=before.beside)


def left_by(before: Pause | None, bulk: str | None, now: datetime) -> Pause | None:
    """The pause that holds after a resume; that of one call (``bulk``) gives back the pause that it had extended."""
    if bulk is None or before is None:
        return None
    if before.bulk != bulk:
        return before
    extended = before.extends
    if extended is None or not extended.holds_at(now):
        return before.beside
    return replace(extended, at=now, beside=before.beside)


def pause_item(job: str, before: Pause | None, after: Pause) -> BulkItem:
    return BulkItem(job, BulkOutcome.KEPT if after is before else BulkOutcome.PAUSED, after.until)


def resume_item(job: str, before: Pause | None, after: Pause | None) -> BulkItem:
    if after is not None:
        return BulkItem(job, BulkOutcome.KEPT, after.until)
    return BulkItem(job, BulkOutcome.NOT_PAUSED if before is None else BulkOutcome.RESUMED)


def preview(call: BulkCall, pauses: Mapping[str, Pause]) -> tuple[BulkItem, ...]:
    """The items as they would be; which triggered executions the jobs' concurrency would skip is not known before."""
    return tuple(_previewed(call, job, pauses.get(job)) for job in call.jobs)


def _previewed(call: BulkCall, job: str, before: Pause | None) -> BulkItem:
    if call.action is BulkAction.PAUSE:
        return pause_item(job, before, paused(before, call.pause))
    if call.action is BulkAction.RESUME:
        return resume_item(job, before, left_by(before, call.bulk, call.at))
    return BulkItem(job, BulkOutcome.TRIGGERED)


def changed(items: Sequence[BulkItem]) -> int:
    return sum(item.outcome.is_change for item in items)


def _at_most(pause: Pause, depth: int) -> Pause:
    """Calls that extend each other again and again do not pile up; the shortest pauses are forgotten."""
    if pause.extends is None:
        return pause
    return replace(pause, extends=_at_most(pause.extends, depth - 1) if depth > 1 else None)
