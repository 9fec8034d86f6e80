"""Differences between a failed execution and the last success that no commit explains: secrets, the target, the runner.

A difference is named beside the failure. It is never called its cause.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery, Status
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.webhooks.observed import Observed, ObservedSecret

_SUCCESSES: Final = 10
"""Successes whose addresses are known: one that any of them used is no news."""


class Watched(StrEnum):
    SECRET = "secret"
    CERTIFICATE = "certificate"
    ADDRESS = "address"
    TZDATA = "tzdata"
    RUNNER = "runner"


@dataclass(frozen=True, slots=True)
class OtherChange:
    """``name`` is a secret's or a host's. ``before`` and ``after`` may be shown: of a secret they are times."""

    what: Watched
    name: str | None
    before: str | None
    after: str | None
    at: datetime | None = None

    @property
    def clause(self) -> str:
        match self.what:
            case Watched.SECRET:
                return f"the secret {self.name} changed" + ("" if self.at is None else f" at {_seconds(self.at)}")
            case Watched.CERTIFICATE:
                since = "" if self.at is None else f" (valid from {_seconds(self.at)})"
                return f"the certificate of {self.name} changed{since}"
            case Watched.ADDRESS:
                return f"the address changed: {self.before}, now {self.after}"
            case Watched.TZDATA:
                return f"tzdata {self.before}, now {self.after}"
            case Watched.RUNNER:
                return f"the runner {self.before}, now {self.after}"

    def document(self) -> dict[str, Any]:
        at = None if self.at is None else rfc3339(self.at)
        return {"what": self.what.value, "name": self.name, "before": self.before, "after": self.after, "at": at}


@dataclass(frozen=True, slots=True)
class ChangesSinceSuccess:
    """``good`` is the last success before the failure; ``changes`` is None where either of the two was not recorded."""

    good: Execution | None = None
    changes: tuple[OtherChange, ...] | None = None


def without_commits(changes: Sequence[OtherChange] | None) -> str:
    """No commit changed the job since its last success: what else did. ``changes`` is None where that is not known."""
    nothing = "No commit changed the job since then"
    if changes is None:
        return f"{nothing}."
    if not changes:
        return f"{nothing}, and nothing else that is watched changed."
    return f"{nothing}; {_clauses(changes)}."


def after_commits(changes: Sequence[OtherChange] | None) -> str | None:
    """A sentence with the changes besides the commits that were named before it."""
    if changes is None:
        return None
    return f"Besides: {_clauses(changes)}." if changes else "Nothing else that is watched changed."


def _clauses(changes: Sequence[OtherChange]) -> str:
    return ", ".join(change.clause for change in changes)


def between(
    good: Observed | None, failed: Observed | None, addresses: Collection[str]
) -> tuple[OtherChange, ...] | None:
    """``addresses`` are those of the last successes. None where either side was not recorded."""
    if good is None or failed is None:
        return None
    return tuple(_differences(good, failed, addresses))


def since_last_success(engine: Engine, failed: Execution) -> ChangesSinceSuccess:
    """Of an execution that has failed."""
    before = (failed.scheduled_time, failed.id)
    good = next(iter(engine.executions(ExecutionQuery(failed.job, (Status.SUCCESS,), 1, before))), None)
    return ChangesSinceSuccess(good, compared(engine, good, failed))


def compared(engine: Engine, good: Execution | None, failed: Execution) -> tuple[OtherChange, ...] | None:
    """``good`` is the last success before the failure; None where there is nothing to compare."""
    if good is None:
        return None
    before, after = of_execution(engine, good.id), of_execution(engine, failed.id)
    addresses: list[str] = []
    if before is not None and after is not None and after.address not in (None, before.address):
        query = ExecutionQuery(good.job, (Status.SUCCESS,), _SUCCESSES - 1, (good.scheduled_time, good.id))
        earlier = (of_execution(engine, one.id) for one in engine.executions(query))
        addresses = [one.address for one in earlier if one is not None and one.address is not None]
    return between(before, after, addresses)


def of_execution(engine: Engine, execution_id: str) -> Observed | None:
    """Of its last attempt."""
    attempts = engine.execution(execution_id).attempts
    return attempts[-1].observed if attempts else None


def _differences(good: Observed, failed: Observed, addresses: Collection[str]) -> Iterator[OtherChange]:
    for name, after in sorted(failed.secrets.items()):
        before = good.secrets.get(name)
        if before is not None and _is_another(before, after):
            yield OtherChange(Watched.SECRET, name, _text(before.changed_at), _text(after.changed_at), after.changed_at)
    if failed.host is not None and failed.host == good.host:
        yield from _target(failed.host, good, failed, addresses)
    if good.tzdata != failed.tzdata:
        yield OtherChange(Watched.TZDATA, None, good.tzdata, failed.tzdata)
    if good.runner != failed.runner:
        yield OtherChange(Watched.RUNNER, None, good.runner, failed.runner)


def _target(host: str, good: Observed, failed: Observed, addresses: Collection[str]) -> Iterator[OtherChange]:
    old, new = good.certificate, failed.certificate
    if old is not None and new is not None and old.sha256 != new.sha256:
        yield OtherChange(Watched.CERTIFICATE, host, old.sha256, new.sha256, new.not_before)
    if None not in (good.address, failed.address) and failed.address not in (good.address, *addresses):
        yield OtherChange(Watched.ADDRESS, host, good.address, failed.address)


def _is_another(before: ObservedSecret, after: ObservedSecret) -> bool:
    """By fingerprint; where a value is too short for one, by the time it was written."""
    if before.fingerprint is not None and after.fingerprint is not None:
        return before.fingerprint != after.fingerprint
    return before.changed_at != after.changed_at


def _text(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)


def _seconds(at: datetime) -> str:
    return rfc3339(at.replace(microsecond=0))
