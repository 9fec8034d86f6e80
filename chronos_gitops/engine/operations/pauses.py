"""The guard's pause beside an operator's: neither ends the other, and the job runs when both are over. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from chronos_gitops.engine.model import Pause
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.guard import GUARD


def combined(before: Pause | None, wanted: Pause) -> Pause:
    """The pause of a job after one more was made."""
    if wanted.by != GUARD:
        return replace(wanted, beside=guards(before))
    if before is None or before.by == GUARD or (before.until is not None and before.until <= wanted.at):
        return wanted
    return replace(before, beside=wanted)


def guards(pause: Pause | None) -> Pause | None:
    """The part of it that is the guard's."""
    if pause is None or pause.by == GUARD:
        return pause
    return pause.beside


def is_same_stop(one: Pause, wanted: Pause) -> bool:
    """True if both are the guard's pause of one decision, which is the same whichever runner makes it."""
    return one.by == wanted.by == GUARD and one.at == wanted.at


def without_guard(pause: Pause) -> Pause | None:
    return None if pause.by == GUARD else replace(pause, beside=None)


def with_pause(pauses: Mapping[str, Pause], job: str, pause: Pause | None) -> Mapping[str, Pause]:
    """The pauses of all jobs once this job has this one, or none."""
    others = {name: other for name, other in pauses.items() if name != job}
    return others if pause is None else others | {job: pause}


def shown(pause: Pause, now: datetime) -> Pause:
    """The operator's while it lasts, then the guard's."""
    is_over = pause.until is not None and pause.until <= now
    return pause.beside if is_over and pause.beside is not None else pause


def parts(pause: Pause | None) -> Iterator[Pause]:
    """Each on its own."""
    if pause is not None:
        yield replace(pause, beside=None)
        if pause.beside is not None:
            yield pause.beside


def is_ended_by(pause: Pause, job: Job | None) -> bool:
    """True if the content that is applied ends the guard's part: a rollback, too. A deleted job keeps it."""
    guard = guards(pause)
    return guard is not None and job is not None and guard.content != job.digest
