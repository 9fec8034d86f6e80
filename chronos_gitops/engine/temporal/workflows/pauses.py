"""The pauses in the state of a job's schedule: the one that holds, those that are over, and bulk calls upon them.

Workflow code: what it does to the state must stay as it is for histories that have it.
"""

from chronos_gitops.engine.milliseconds import instant
from chronos_gitops.engine.model import Pause
from chronos_gitops.engine.operations import bulk
from chronos_gitops.engine.operations.pauses import combined, guards, is_same_stop, parts, without_guard
from chronos_gitops.engine.temporal.workflows import turns
from chronos_gitops.engine.temporal.workflows.messages import BulkAnswer, PauseRecord, TimetableState
from chronos_gitops.jobs.model import digest_of
from chronos_gitops.jobs.promises.guard import GUARD

_REMEMBERED = 50


def current(state: TimetableState) -> Pause | None:
    return None if state.pause is None else state.pause.pause(state.job)


def remember(state: TimetableState, now: int) -> None:
    """The pause that holds goes to those that are over."""
    held = state.pause
    if held is not None:
        for one in (held, held.beside):
            if one is not None:
                end = now if one.until is None else min(now, one.until)
                state.ended_pauses.append(PauseRecord(one.reason, one.by, one.at, end))
        del state.ended_pauses[:-_REMEMBERED]


def pause(state: TimetableState, wanted: PauseRecord) -> None:
    """An operator's, or the guard's beside it: then nothing is over."""
    before = current(state)
    after = combined(before, wanted.pause(state.job))
    goes_on = list(parts(after))
    if before is not None and not any(part in goes_on for part in parts(before)):
        remember(state, wanted.at)
    state.pause = PauseRecord.of(after)


def is_late_stop(state: TimetableState, wanted: PauseRecord) -> bool:
    """True of the guard's pause when another runner has made it before, or has applied another content meanwhile."""
    if wanted.by != GUARD:
        return False
    stop = wanted.pause(state.job)
    known = [*state.ended_pauses, *([] if state.pause is None else [state.pause])]
    was_made = any(is_same_stop(part, stop) for one in known for part in parts(one.pause(state.job)))
    return was_made or state.applied is None or digest_of(state.applied.document) != wanted.content


def release(state: TimetableState, now: int) -> None:
    """An edit ends the guard's part."""
    before = current(state)
    if before is None or guards(before) is None:
        return
    left = without_guard(before)
    if left is None:
        remember(state, now)
    state.pause, state.held = (None, []) if left is None else (PauseRecord.of(left), state.held)


def is_guarded(state: TimetableState) -> bool:
    return guards(current(state)) is not None


def pause_by_call(state: TimetableState, wanted: PauseRecord) -> BulkAnswer:
    before = current(state)
    after = bulk.paused(before, wanted.pause(state.job))
    if after is not before:
        remember(state, wanted.at)
        state.pause = PauseRecord.of(after)
        turns.hold(state)
    return BulkAnswer(wanted.bulk or "", bulk.pause_item(state.job, before, after).outcome, state.pause)


def left_by_call(state: TimetableState, call_id: str, of_call: str | None, now: int) -> BulkAnswer:
    """The answer to a resume; its pause still ``held`` takes the place of the one that ends, none is left to end."""
    before = current(state)
    after = bulk.left_by(before, of_call, instant(now))
    if after is not None and after is not before:
        remember(state, now)
        state.pause = PauseRecord.of(after)
    outcome = bulk.resume_item(state.job, before, after).outcome
    return BulkAnswer(call_id, outcome, None if after is None else state.pause)
