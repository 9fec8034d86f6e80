"""Variables that are times: the instants of the contract, their forms, and what cannot be one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.jobs.templates.time_variables import NoSuchTime, TimeVariable, TimeVariableError, sample
from chronos_gitops.schedule.timing import Timing

TICK = datetime(2026, 3, 30, 0, 0, tzinfo=UTC)
PARIS = Timing.parse("0 2 * * *", "Europe/Paris", key="a-job")


def text(value: dict[str, Any], scheduled: datetime = TICK, timing: Timing = PARIS) -> str:
    return TimeVariable.parse(value).render(scheduled, timing)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"time": "scheduled", "shift": "-1d", "format": "rfc3339"}, "2026-03-29T03:00:00+02:00"),
        ({"time": "previous", "format": "date"}, "2026-03-29"),
        ({"time": "scheduled"}, "2026-03-30T02:00:00+02:00"),
        ({"time": "scheduled", "timezone": "UTC"}, "2026-03-30T00:00:00Z"),
        ({"time": "previous"}, "2026-03-29T03:00:00+02:00"),
        ({"time": "next"}, "2026-03-31T02:00:00+02:00"),
        ({"time": "scheduled", "shift": "-1d2h30m"}, "2026-03-28T23:30:00+01:00"),
        ({"time": "scheduled", "shift": "-24h"}, "2026-03-29T01:00:00+01:00"),
        ({"time": "scheduled", "shift": "+1d"}, "2026-03-31T02:00:00+02:00"),
        ({"time": "scheduled", "shift": "90m"}, "2026-03-30T03:30:00+02:00"),
        ({"time": "scheduled", "format": "unix"}, "1774828800"),
        ({"time": "scheduled", "format": "unix_ms"}, "1774828800000"),
        ({"time": "scheduled", "format": "%Y/%m/%d %H-%M-%S"}, "2026/03/30 02-00-00"),
        ({"time": "scheduled", "format": "%G-W%V-%u %j %z 100%%"}, "2026-W14-1 089 +0200 100%"),
        ({"time": "scheduled", "format": "%%Y"}, "%Y"),
        ({"time": "scheduled", "shift": "-1d", "timezone": "UTC"}, "2026-03-29T00:00:00Z"),
    ],
)
def test_text_of_the_tick_at_which_a_time_does_not_exist_the_day_before(value: dict[str, Any], expected: str) -> None:
    assert text(value) == expected


def test_day_before_in_a_repeated_hour_is_the_first_pass() -> None:
    timing = Timing.parse("30 2 * * *", "Europe/Paris", key="a-job")
    tick = datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    assert text({"time": "scheduled", "shift": "-1d"}, tick, timing) == "2026-10-25T02:30:00+02:00"


def test_manual_trigger_has_its_own_time() -> None:
    now = datetime(2026, 3, 30, 9, 15, 1, 250_000, tzinfo=UTC)
    assert text({"time": "scheduled"}, now) == "2026-03-30T11:15:01.250+02:00"
    assert text({"time": "scheduled", "format": "unix_ms"}, now) == "1774862101250"
    assert text({"time": "previous"}, now) == "2026-03-30T02:00:00+02:00"


def test_tick_between_start_and_end_only() -> None:
    timing = Timing.parse("0 2 * * *", "Europe/Paris", key="a-job", start="2026-03-30", end="2026-03-30")
    for base, words in (("previous", "before"), ("next", "after")):
        with pytest.raises(NoSuchTime, match=f"no run {words} 2026-03-30T00:00:00Z"):
            text({"time": base}, TICK, timing)
    assert text({"time": "previous", "format": "date"}, TICK + timedelta(hours=5), timing) == "2026-03-30"


def test_date_out_of_range_is_no_time() -> None:
    with pytest.raises(NoSuchTime):
        text({"time": "scheduled", "shift": "-36600d"}, datetime(50, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"time": "now"}, "time"),
        *(({"time": "next", "shift": shift}, "shift") for shift in ("1", "-", "+", "1d ", "d", "1w", "--1d", "99999d")),
        *(({"time": "next", "format": form}, "format") for form in ("", "iso", "%q", "%", "%Y%", "% Y", "%-d", "%\n")),
        ({"time": "next", "timezone": "Paris"}, "timezone"),
    ],
)
def test_wrong_field_is_named(value: dict[str, Any], field: str) -> None:
    with pytest.raises(TimeVariableError) as caught:
        TimeVariable.parse(value)
    assert (caught.value.field, bool(caught.value.hint)) == (field, True)


@given(
    st.sampled_from(["scheduled", "previous", "next"]),
    st.sampled_from(["", "-1d", "+3d1h", "2h"]),
    st.sampled_from(["rfc3339", "date", "unix", "unix_ms", "%Y%j"]),
    st.sampled_from(["", "UTC", "Asia/Kathmandu"]),
)
def test_document_reads_back_the_same(base: str, shift: str, form: str, timezone: str) -> None:
    given = {"time": base, "shift": shift, "format": form, "timezone": timezone}
    variable = TimeVariable.parse({name: one for name, one in given.items() if one})
    assert TimeVariable.parse(variable.document()) == variable
    assert sample(variable)
