"""The installed program lives through changes of the clock of some zones, beside the oracle that watches the clock.

libfaketime takes it from one scheduled time to the next. Jobs with random lists, calendars and moves are bounded by
``start`` and ``end`` to the hours around a change; their rows are compared with what the oracle says.
"""

import json
import os
import subprocess
import tempfile
import time
import zoneinfo
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from harness.machine.seeds import seeded
from harness.oracles.calendar_oracle import Rules, ticks_of
from harness.processes.subprocess_runner import Runner
from harness.programs.faketime import SteppedClock
from harness.programs.postgres import Server

from chronos_gitops.cli.demo.receiver import Receiver

CHANGES = (
    ("Africa/Cairo", "2026-04-23T22:00"),  # midnight does not exist
    ("Australia/Lord_Howe", "2026-10-03T15:30"),  # half an hour
    ("Europe/Paris", "2026-10-25T01:00"),
    ("Atlantic/Azores", "2026-10-25T01:00"),  # midnight comes twice
    ("America/New_York", "2026-11-01T06:00"),
    ("America/New_York", "2027-03-14T07:00"),
    ("Europe/Paris", "2027-03-28T01:00"),
    ("Australia/Lord_Howe", "2027-04-03T15:00"),
)
OFTEN = ("*/15 * * * *", "0 */2 * * *", "*/20 1 * * *", "10,40 0-3 * * *")
FIXED = ("30 2 * * *", "0 0 * * *", "0,30 1,2,3 * * *", "15 23 * * *", "45 1 * * MON-SAT")
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
Row = dict[str, Any]


@pytest.fixture(autouse=True)
def _zones_of_the_package() -> Iterator[None]:
    """The oracle walks the same rules as the program: those of the tzdata package, not of this machine."""
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath(to=before)
    zoneinfo.ZoneInfo.clear_cache()


@dataclass(frozen=True)
class Story:
    """A job, and what the oracle says about it: its scheduled times, and the held ones with their targets."""

    name: str
    rules: Rules
    ticks: tuple[datetime, ...]
    held: tuple[tuple[datetime, datetime | None], ...]


def stories(changes: Sequence[tuple[str, str]], chance: Random, each: int) -> Iterator[Story]:
    for place, (zone, instant) in enumerate(changes):
        for number in range(each):
            on_skip = ("drop", "next", "previous")[number % 3]
            yield story(f"job-{place}-{number}", zone, at(instant), on_skip, chance)


def story(name: str, zone: str, change: datetime, on_skip: str, chance: Random) -> Story:
    span = timedelta(hours=3) if on_skip == "drop" else timedelta(hours=40)
    first, last = (f"{(change + each).astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}" for each in (-span, span))

    def entry() -> Any:
        day = f"{(change + DAY * chance.choice((-1, 0, 0, 1))).astimezone(ZoneInfo(zone)):%Y-%m-%d}"
        hours = sorted(chance.sample(range(8), 2))
        part = {"from": f"{day}T{hours[0]:02}:30", "to": f"{day}T{hours[1]:02}:15"}
        return chance.choice((day, day[5:], part)) if on_skip != "drop" else chance.choice((part, part, day))

    texts = chance.sample(FIXED if on_skip != "drop" else FIXED + OFTEN, chance.randint(1, 2))
    closed = [[entry() for _ in range(chance.randint(0, 2))]]
    start = f"{change - 4 * DAY:%Y-%m-%d}"
    rules = Rules(zone, start, texts, closed, [[]], [""], on_skip, first, last, days=8)
    ticks, held = ticks_of(rules, at(start), at(start) + 8 * DAY)
    # The runner decides what is held before its day is over; bounds without a tick are refused.
    return Story(name, rules, tuple(ticks), tuple(held)) if ticks else story(name, zone, change, on_skip, chance)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def write(repo: Path, told: Sequence[Story], url: str) -> None:
    (repo / "jobs" / "_calendars").mkdir(parents=True)
    for one in told:
        rules = one.rules
        document: dict[str, Any] = {"name": one.name, "schedule": list(rules.texts), "timezone": rules.zone}
        document |= {"start": rules.begin, "end": rules.end, "enabled": True, "concurrency": "allow"}
        if rules.closed[0]:
            document |= {"skip": [one.name], "on_skip": rules.on_skip}
            calendar = json.dumps({"closed": rules.closed[0], "covers_until": "2029-12-31"}, indent=1)
            (repo / "jobs" / "_calendars" / f"{one.name}.yaml").write_text(calendar)
        document |= {"webhook": {"url": url}}
        (repo / "jobs" / f"{one.name}.yaml").write_text(json.dumps(document, indent=1))
    past = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "Bound the jobs"]):
        subprocess.run(["git", "-C", str(repo), *words], check=True, env={**os.environ, **past})


def go_to(clock: SteppedClock, instant: datetime) -> None:
    """Up to a second before it."""
    clock.step_to(int(instant.timestamp() - time.time()))


def live_through(runner: Runner, told: Sequence[Story], clock: SteppedClock) -> None:
    """From one scheduled time to the next; each that runs has a row before the clock goes on."""
    due = Counter(tick for one in told for tick in one.ticks)
    held = {tick for one in told for tick, _ in one.held}
    for instant in sorted(due.keys() | held):
        go_to(clock, instant)
        if instant in due:
            wanted, until = due[instant], instant + timedelta(seconds=1)
            path = f"/executions?since={instant:%Y-%m-%dT%H:%M:%SZ}&until={until:%Y-%m-%dT%H:%M:%SZ}&limit=1000"
            runner.until(path, lambda page, wanted=wanted: ran(page["items"]) >= wanted, 60)
        else:
            time.sleep(1.2)  # a held time may have no row before the last one of its day
    last = max([*due, *held])
    go_to(clock, last + 2 * DAY)
    runner.until("/jobs?state=ended&limit=1000", lambda page: len(page["items"]) == len(told), 60)


def ran(rows: Sequence[Row]) -> int:
    return sum(row["status"] not in ("skipped", "pending") for row in rows)


def judge(runner: Runner, told: Sequence[Story]) -> int:
    """The number of scheduled times that were compared."""
    compared = 0
    for one in told:
        rows = runner.get(f"/jobs/{one.name}/executions?limit=1000")["items"]
        ran_at = [datetime.fromisoformat(row["scheduled_time"]) for row in rows if row["status"] != "skipped"]
        assert sorted(ran_at) == list(one.ticks), (one, rows)
        assert {row["reason"] for row in rows if row["status"] == "skipped"} <= {"calendar"}, (one, rows)
        held = [row for row in rows if row["reason"] == "calendar"]
        assert sum(row["count"] or 1 for row in held) == len(one.held), (one, held)
        if one.rules.on_skip != "drop":
            targets = {row["scheduled_time"]: row["moved_to"] for row in held}
            assert targets == {shown(tick): shown(target) for tick, target in one.held}, one
        compared += len(one.ticks) + len(one.held)
    return compared


def shown(instant: datetime | None) -> str | None:
    return None if instant is None else f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def attack(tmp_path: Path, told: Sequence[Story], *, is_shared: bool) -> int:
    with ExitStack() as at_last:
        folder = Path(at_last.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)  # the database's user reads it
        clock, receiver = SteppedClock(folder), at_last.enter_context(Receiver())
        write(tmp_path / "repo", told, receiver.url())
        go_to(clock, min([*told[0].ticks, *(tick for tick, _ in told[0].held)]) - 10 * DAY)
        environ = clock.environ()
        if is_shared:
            server = Server(environ=clock.environ())
            at_last.callback(server.close)
            environ = {"CHRONOS_ENGINE": server.url()}  # whose clock is that of its runners
        runner = at_last.enter_context(Runner(str(tmp_path / "repo"), data=tmp_path / "data", environ=environ))
        runner.client.timeout = httpx.Timeout(60)
        runner.client.headers["Connection"] = "close"  # the server closes what a step makes look idle
        live_through(runner, told, clock)
        return judge(runner, told)


@pytest.mark.timeout(300)
def test_some_jobs_live_through_both_changes_of_a_year(tmp_path: Path) -> None:
    """Takes about half a minute: a real clock has to tick at each scheduled time."""
    chance = seeded(20261130)
    told = [*stories([CHANGES[2], CHANGES[6]], chance, 3)]
    assert attack(tmp_path, told, is_shared=False) > 20


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("is_shared", [False, True], ids=["sqlite", "postgresql"])
def test_many_jobs_live_through_the_changes_of_five_zones(tmp_path: Path, *, is_shared: bool) -> None:
    told = [*stories(CHANGES, seeded(20261130), 9)]
    compared = attack(tmp_path, told, is_shared=is_shared)
    print(f"{len(CHANGES)} changes of clocks, {len(told)} jobs, {compared} scheduled times")
    assert compared > 300
