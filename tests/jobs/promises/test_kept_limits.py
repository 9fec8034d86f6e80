"""Limits of ``expect`` that the coming year does not keep, beside a walk through all of its scheduled times."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.kept_limits import of_job
from chronos_gitops.jobs.promises.worst_run import worst_run
from chronos_gitops.schedule.calendars.parser import parse
from chronos_gitops.schedule.timestamps import rfc3339

NOW = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=366)
ONCE = {"max_attempts": 1}


def job(schedule: str = "0 2 * * *", **fields: Any) -> Job:
    document = {"name": "daily-backup", "schedule": schedule, "enabled": True, "timeout": "1m", "retry_policy": ONCE}
    return Job.from_document(document | {"webhook": {"url": "http://x.example"}} | fields)


def closed(made: Job, *days: object) -> Job:
    calendar = parse("holidays", {"closed": list(days), "timezone": "UTC"})
    return replace(made, timing=made.timing.with_calendars((calendar,), ()))


def messages(made: Job) -> list[str]:
    return [one.message for one in of_job(made, NOW)]


def test_a_time_that_a_calendar_drops_ends_a_wait() -> None:
    """So a freeze of ten days breaks nothing, as the expectation itself says."""
    skipping = job(skip=["holidays"], expect={"success_every": "26h"})
    assert messages(closed(skipping, {"from": "2026-03-01", "to": "2026-03-10"})) == []
    assert messages(job("0 2 1 * *", expect={"success_every": "26h"})) == [
        "nothing is due from 2026-01-01T02:00:00Z to 2026-02-01T02:00:00Z"
    ]


def test_a_time_that_a_calendar_moves_is_waited_for_where_it_goes() -> None:
    made = job(skip=["holidays"], on_skip="next", expect={"success_every": "26h"})
    assert messages(closed(made, "2026-03-01", "2026-03-02")) == [
        "nothing is due from 2026-02-28T02:00:00Z to 2026-03-03T02:00:00Z"
    ]
    assert messages(made) == []


def test_a_tight_time_that_a_calendar_drops_is_none() -> None:
    """Of two times a day the late one is tight, and only on a day on which it comes."""
    late = job("50 5 * * SUN", timeout="30m", skip=["holidays"], expect={"finish_by": "06:00"})
    [first] = of_job(late, NOW)
    assert first.rule == "expect-tight"
    assert first.hint.startswith("first at 2026-01-04T05:50:00Z; ")
    [second] = of_job(closed(late, "2026-01-04"), NOW)
    assert second.hint.startswith("first at 2026-01-11T05:50:00Z; ")
    assert messages(closed(late, "SUN")) == []


MOVABLE = ("0 2 * * *", "0 9 * * MON-FRI", "0 3 1 * *", "30 5 * * SAT")


@pytest.mark.parametrize("seed", range(60))
def test_the_first_instants_are_those_of_a_walk_through_the_year(seed: int) -> None:
    random = Random(seed)
    schedule = random.choice((*MOVABLE, "@hourly", "*/20 8-17 * * *", "@every 7h"))
    made = job(
        schedule,
        timezone=random.choice(["UTC", "Europe/Paris", "America/New_York"]),
        timeout=random.choice(["1m", "40m", "3h"]),
        jitter=random.choice(["0s", "10m"]),
        skip=["holidays"],
        on_skip="next" if schedule in MOVABLE and random.random() < 0.5 else "drop",
        expect={"success_every": random.choice(["2h", "26h", "80h", "800h"]), "finish_by": "06:00"},
    )
    made = closed(made, *[str((NOW + timedelta(days=random.randrange(300))).date()) for _ in range(20)])
    found = {one.rule: one for one in of_job(made, NOW)}
    wait, tight = next(long_waits(made), None), next(tight_times(made), None)
    assert ("expect-unkeepable" in found, "expect-tight" in found) == (wait is not None, tight is not None)
    if wait is not None:
        said = f"nothing is due from {rfc3339(wait[0])} to {rfc3339(wait[1])}"
        assert found["expect-unkeepable"].message == said
    if tight is not None:
        assert found["expect-tight"].hint.startswith(f"first at {rfc3339(tight)}; ")


def longest(made: Job) -> timedelta:
    return made.jitter + worst_run(made)


def long_waits(made: Job) -> Iterator[tuple[datetime, datetime]]:
    """A dropped time is in the schedule all the same, a moved one is where it went."""
    assert made.expect is not None
    assert made.expect.success_every is not None
    is_dropping = made.timing.on_skip.value == "drop"
    due = (made.timing.schedules if is_dropping else made.timing).between(NOW, NOW + 2 * YEAR)
    for one, other in pairwise(due):
        if one <= NOW + YEAR and other - one > made.expect.success_every - longest(made):
            yield one, other


def tight_times(made: Job) -> Iterator[datetime]:
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(made.timing.timezone)
    for tick in made.timing.between(NOW, NOW + YEAR):
        local = tick.astimezone(zone)
        limit = local.replace(hour=6, minute=0, second=0, microsecond=0)
        limit = limit if limit > local else limit + timedelta(days=1)
        following = made.timing.latest(tick, limit.astimezone(UTC) - timedelta(microseconds=1), 1)
        if not following and tick + longest(made) > limit.astimezone(UTC) and limit.astimezone(UTC) <= NOW + YEAR:
            yield tick
