"""The rule for pauses of bulk calls: never shorter than an operator's pause, and given back as it was."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.engine.model import Pause
from chronos_gitops.engine.operations import bulk
from chronos_gitops.engine.operations.bulk import BulkAction, BulkCall

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ends = st.none() | st.integers(min_value=-3, max_value=30)


def pause(end: int | None, *, at: int = 0, call: str | None = None) -> Pause:
    return Pause("a", "work", "ada", NOON + at * HOUR, None if end is None else NOON + end * HOUR, bulk=call)


@given(own=ends, calls=st.lists(ends, max_size=12))
def test_no_bulk_call_shortens_a_pause_and_each_can_be_undone(own: int | None, calls: list[int | None]) -> None:
    start = pause(own, at=-4)
    stack: list[Pause | None] = [start if start.holds_at(NOON) else None]
    for number, end in enumerate(calls):
        wanted = pause(end, call=str(number))
        if not wanted.holds_at(NOON):
            continue
        before = stack[-1]
        after = bulk.paused(before, wanted)
        for asked in (before, wanted):
            assert asked is None or after.until is None or (asked.until is not None and after.until >= asked.until)
        stack.append(after)
    for before, after in list(pairwise(stack))[::-1][:8]:
        assert after is not None
        if after is not before and after.bulk is not None:
            given_back = bulk.left_by(after, after.bulk, NOON)
            assert (given_back and given_back.until) == (before and before.until)


def test_a_pause_that_somebody_changed_since_is_left_alone() -> None:
    changed = pause(5)
    assert bulk.left_by(changed, "call", NOON) is changed
    assert bulk.left_by(changed, None, NOON) is None


def test_extensions_do_not_pile_up() -> None:
    found = pause(1)
    for number in range(2, 200):
        found = bulk.paused(found, pause(number, call=str(number)))
    depth, below = 0, found
    while below.extends is not None:
        depth, below = depth + 1, below.extends
    assert depth == 8


def test_a_call_is_read_as_it_was_written() -> None:
    call = BulkCall("1", BulkAction.PAUSE, ("a", "b"), "ada", "work", NOON, NOON + HOUR, fingerprint="f")
    for one in (call, replace(call, until=None, bulk="0", action=BulkAction.RESUME)):
        assert BulkCall.read(one.document()) == one
