"""Ticks that an edit of calendars holds, opens and moves, beside a comparison of every tick."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.schedule.calendars import parser
from chronos_gitops.schedule.calendars.changed_ticks import TickChange, changed_ticks, count_changes
from chronos_gitops.schedule.schedule_list import ScheduleList
from chronos_gitops.schedule.timing import OnSkip, Timing

AFTER = datetime(2026, 10, 20, tzinfo=UTC)
UNTIL = AFTER + timedelta(days=20)
ENTRIES = ("SAT", "SUN", "10-24", "2026-10-26", "2026-11-02")
RANGES = ({"from": "2026-10-24T12:00", "to": "2026-10-25T02:30"}, {"from": "2026-10-27", "to": "2026-11-01"})
CLOSED = st.lists(st.sampled_from((*ENTRIES, *RANGES)), max_size=4)


@settings(deadline=None)
@given(
    CLOSED,
    CLOSED,
    st.sampled_from(OnSkip),
    st.sampled_from(("0 2 * * *", "30 2,9 * * MON-FRI")),
    st.sampled_from(("UTC", "Europe/Paris")),
)
def test_every_tick_that_is_placed_otherwise(
    old: list[object], new: list[object], on_skip: OnSkip, schedule: str, zone: str
) -> None:
    before, after = (
        Timing(ScheduleList.parse([schedule], zone), skip=(parser.parse("c", {"closed": closed}),), on_skip=on_skip)
        for closed in (old, new)
    )

    def placed(timing: Timing, tick: datetime) -> datetime | None:
        if timing.closure(tick) is None:
            return tick
        return timing.move(tick).target if timing.moves_ticks else None

    expected = []
    for tick in ScheduleList.parse([schedule], zone).between(AFTER, UNTIL):
        was, now = placed(before, tick), placed(after, tick)
        now = None if now is not None and now <= AFTER else now
        if placed(after, tick) != was:
            kind = TickChange.OPENED if now == tick else TickChange.CLOSED if now is None else TickChange.MOVED
            expected.append((tick, kind, now if kind is TickChange.MOVED else None))
    found = list(changed_ticks(before, after, AFTER, UNTIL))
    assert [(one.time, one.change, one.target) for one in found] == expected
    counts = count_changes(before, after, AFTER, UNTIL)
    assert counts == {kind: sum(one.change is kind for one in found) for kind in TickChange}
