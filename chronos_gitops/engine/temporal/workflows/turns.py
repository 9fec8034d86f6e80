"""Whose turn it is among the executions of one timetable: the overlap rule, the queue, and what a pause holds. Pure."""

from chronos_gitops.engine.model import Reason, Status, Trigger
from chronos_gitops.engine.temporal.workflows.messages import Applied, Order, TimetableState
from chronos_gitops.engine.ticks import overlap
from chronos_gitops.engine.ticks.overlap import Turn
from chronos_gitops.jobs.model import Concurrency


def claim(state: TimetableState, order: Order, now: int) -> list[str]:
    """Gives the order its turn, a place in the queue, or its end; the executions that it replaces."""
    row, applied = order.row, state.applied
    if applied is None or Status(row["status"]).is_final:
        if row.get("count", 1) == 1:
            order.document = None
        return []
    free = not state.running and all(waiting in state.held for waiting in state.waiting)
    unfinished = 0 if free else len(state.running) + len(state.waiting)
    concurrency, trigger = Concurrency(applied.document["concurrency"]), Trigger(row["trigger"])
    turn = overlap.turn(concurrency, trigger, unfinished, behind_replay=_is_behind_replay(state, unfinished))
    if turn is Turn.START:
        state.running.append(row["id"])
        if order.not_before is None:
            row |= {"status": Status.RUNNING.value}
        return []
    if turn is Turn.SKIP:
        row |= {"status": Status.SKIPPED.value, "reason": Reason.OVERLAP.value, "completed_at": now}
        order.document = None
        return []
    replaced = [*state.running, *state.waiting] if turn is Turn.REPLACE else []
    order.is_held = True
    state.waiting.append(row["id"])
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


def _is_behind_replay(state: TimetableState, unfinished: int) -> bool:
    """An item runs, or what has waited for one goes on."""
    return state.item is not None or (unfinished > 1 and state.replay is not None)


def forget(state: TimetableState, execution_id: str) -> None:
    if state.item == execution_id:
        state.item = None
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
