"""Schedules of robfig/cron run on the same days as jobs. The days here are computed as robfig/cron v3 matches them."""

from datetime import UTC, datetime, timedelta

import pytest

from chronos_gitops.cli.importers.timings import robfig
from chronos_gitops.schedule.schedule import Schedule

YEAR = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(365)]


def field(text: str, low: int, high: int) -> tuple[set[int], bool]:
    """The numbers of a field, and whether its star bit is set (spec.go, parser.go: a step above 1 clears it)."""
    found: set[int] = set()
    is_star = False
    for item in text.split(","):
        given, _, step = item.partition("/")
        first, _, last = given.partition("-")
        is_star |= given in ("*", "?") and int(step or 1) == 1
        start, end = (low, high) if given in ("*", "?") else (int(first), int(last or (high if step else first)))
        found |= set(range(start, end + 1, int(step or 1)))
    return found, is_star


def days(text: str) -> list[datetime]:
    _, _, day, month, weekday = text.split()[-5:]
    (of_month, any_day), (of_week, any_weekday) = field(day, 1, 31), field(weekday, 0, 6)
    months, _ = field(month, 1, 12)

    def runs(at: datetime) -> bool:
        both = (at.day in of_month, at.isoweekday() % 7 in of_week)
        return at.month in months and (all(both) if any_day or any_weekday else any(both))

    return [at for at in YEAR if runs(at)]


@pytest.mark.parametrize(
    "text",
    [
        *("0 0 * * *", "0 0 ? * ?", "0 0 13 * 5", "0 0 */2 * 1", "0 0 1 * */2", "0 0 */10 * */3", "0 0 */2 * *"),
        *("0 0 ? * */2", "0 0 */1 * 1", "0 0 1,*/7 * 1", "0 0 5/10 * 3", "0 0 1-7 */2 1", "0 0 * 2-6/2 1-5"),
        *("0 0 0 */2 * 1", "0 0 0 ? * MON-FRI".replace("MON-FRI", "1-5"), "0 0 */31 * 0", "0 0 */02 * 1"),
    ],
)
def test_days_are_those_of_robfig(text: str) -> None:
    schedule = Schedule.parse(robfig.schedule(text))
    found = list(schedule.between(YEAR[0] - timedelta(seconds=1), YEAR[-1] + timedelta(hours=23)))
    assert [at.date() for at in found] == [at.date() for at in days(text)]


@pytest.mark.parametrize("text", ["@daily", "@every 5m", "x", "", "1 2 3", "0 0 1 * 1"])
def test_others_stay_as_they_are(text: str) -> None:
    assert robfig.schedule(f" {text} ") == text
