"""Where the mark of a timetable goes back to when the clock was ahead."""

from datetime import UTC, datetime, timedelta

from chronos_gitops.engine.clock import TOLERANCE
from chronos_gitops.engine.milliseconds import to_ms
from chronos_gitops.engine.temporal.workflows import marks
from chronos_gitops.engine.temporal.workflows.messages import TimetableState

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def lived_through(*instants: datetime) -> TimetableState:
    state = TimetableState(job="daily-backup")
    for each in instants:
        marks.note_jump(state, to_ms(each))
        state.mark = to_ms(each)
    return state


def test_to_the_mark_before_the_jump_that_now_lies_in() -> None:
    state = lived_through(NOON - HOUR, NOON, NOON + 8 * HOUR, NOON + 8 * HOUR + MINUTE, NOON + 20 * HOUR)
    assert marks.before_jump(state, to_ms(NOON + 3 * MINUTE)) == to_ms(NOON)
    assert marks.before_jump(state, to_ms(NOON - MINUTE)) == to_ms(NOON - HOUR)


def test_to_now_where_no_earlier_mark_is_known() -> None:
    near = lived_through(*(NOON + number * TOLERANCE for number in range(4)))
    assert marks.before_jump(near, to_ms(NOON + MINUTE)) == to_ms(NOON + MINUTE)
    assert near.earlier_marks == []


def test_few_are_kept() -> None:
    state = lived_through(*(NOON + number * HOUR for number in range(100)))
    assert len(state.earlier_marks) < 10
    assert marks.before_jump(state, to_ms(NOON + 98 * HOUR)) == to_ms(NOON + 98 * HOUR)
