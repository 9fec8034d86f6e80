"""Whose turn it is among the executions of one timetable: the overlap rule, the queue, and what a pause holds. Pure."""

from collections.abc import Callable
from datetime import timedelta

from chronos_gitops.engine.drafts import provenance
from chronos_gitops.engine.milliseconds import instant
from chronos_gitops.engine.model import Execution, Reason, Status, Trigger
from chronos_gitops.engine.temporal.workflows.messages import Applied, Order, TimetableState, TriggerRequest
from chronos_gitops.engine.ticks import overlap
from chronos_gitops.engine.ticks.overlap import Turn
from chronos_gitops.jobs.model import Concurrency


def triggered(job: str, applied: Applied, request: TriggerRequest) -> Execution:
    at = instant(request.at)
    return Execution(
        request.id,
        job,
        at,
        Trigger.MANUAL,
        Status.PENDING,
        created_at=at,
        path=applied.path,
        variables=request.variables,
        **provenance(applied.version, applied.commit, draft=applied.draft),
    )


def claim(state: TimetableState, order: Order, now: int, is_bounded: Callable[[], bool]) -> list[str]:
    """Gives the order its turn, a place in the queue, or its end; the executions that it replaces. ``is_bounded`` is
    asked only where earlier releases decide otherwise behind a replay: without a limit, and not for a single one that
    it has held up."""
    row, applied = order.row, state.applied
    if applied is None or Status(row["status"]).is_final:
        if row.get("count", 1) == 1:
            order.document = None
        return []
    free = not state.running and all(waiting in state.held for waiting in state.waiting)
    unfinished = 0 if free else len(state.running) + len(state.waiting)
    concurrency, trigger = Concurrency(applied.document["concurrency"]), Trigger(row["trigger"])
    waited = _waited_behind_replay(state, order, unfinished, is_bounded)
    turn = overlap.turn(concurrency, trigger, unfinished, waited=waited)
    if turn is Turn.START:
        state.running.append(row["id"])
        if order.not_before is None:
            row |= {"status": Status.RUNNING.value}
        return []
    if turn is Turn.SKIP:
        row |= {"status": Status.SKIPPED.value, "reason": Reason.OVERLAP.value, "completed_at": now}
        order.document = None
        return []
    replaced = [one for one in (*state.running, *state.waiting) if one != state.item] if turn is Turn.REPLACE else []
    for execution_id in replaced:  # some time passes before the last of them has ended, and the next ones wait anew
        state.held_up.pop(execution_id, None)
    order.is_held = True
    state.waiting.append(row["id"])
    if waited is not None and trigger is Trigger.SCHEDULE:
        state.held_up[row["id"]] = row["scheduled_time"]
    return replaced


def advance(state: TimetableState) -> str | None:
    """The oldest one that may go now; it has the turn from then on."""
    allows_overlap = state.applied is not None and _concurrency(state.applied) is Concurrency.ALLOW
    if state.running and not allows_overlap:
        return None
    execution_id = next((waiting for waiting in state.waiting if waiting not in state.held), None)
    if execution_id is not None:
        state.waiting.remove(execution_id)
        state.running.append(execution_id)
    return execution_id


def hold(state: TimetableState) -> None:
    """A pause begins: what is queued waits until it ends, what is triggered meanwhile does not."""
    state.held = list(state.waiting) if is_queue(state.applied) else []


def _waited_behind_replay(
    state: TimetableState, order: Order, unfinished: int, is_bounded: Callable[[], bool]
) -> timedelta | None:
    """None unless an item runs, or what has waited for one goes on."""
    waited = overlap.waited_behind_replay(instant(order.row["scheduled_time"]), map(instant, state.held_up.values()))
    if state.item is None and (unfinished <= 1 or state.replay is None):
        return waited if state.replay is not None and unfinished and state.held_up and is_bounded() else None
    return waited if waited < overlap.MAX_WAIT_BEHIND_REPLAY or is_bounded() else timedelta(0)


def forget(state: TimetableState, execution_id: str) -> None:
    if state.item == execution_id:
        state.item = None
    state.held_up.pop(execution_id, None)
    for ids in (state.running, state.waiting, state.held):
        if execution_id in ids:
            ids.remove(execution_id)


def clear(state: TimetableState) -> list[str]:
    """Empties the queue of a job that was disabled or deleted; what was in it."""
    if not is_queue(state.applied):
        return []
    queued, state.waiting, state.held = state.waiting, [], []
    return queued


def is_queue(applied: Applied | None) -> bool:
    return applied is not None and _concurrency(applied) is Concurrency.QUEUE


def _concurrency(applied: Applied) -> Concurrency:
    return Concurrency(applied.document["concurrency"])
