"""The worked examples of PROMISES section 2, and laws at random."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from harness.listed_runs import ListedRuns
from harness.machine.seeds import seeded

from chronos_gitops.engine.model import Execution, Pause, Status, Trigger
from chronos_gitops.expectations.judging.evaluate import evaluate
from chronos_gitops.expectations.judging.state import Expectation
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.expect import ExpectationKind
from chronos_gitops.schedule.calendars.parser import parse

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def job(**expect: str) -> Job:
    return job_with({}, **expect)


def job_with(fields: Mapping[str, Any], **expect: str) -> Job:
    document = {"name": "daily-backup", "schedule": "0 2 * * *", "timezone": "Europe/Paris", "enabled": True}
    return Job.from_document(document | {"webhook": {"url": "http://x.example"}, "expect": expect} | dict(fields))


def run(begin: str, end: str | None = None, *, ok: bool = True, tick: str | None = None, **fields: Any) -> Execution:
    """Of a tick, or by hand without one."""
    started, completed = at(begin), None if end is None else at(end)
    status = Status.RUNNING if end is None else Status.SUCCESS if ok else Status.FAILED
    trigger = Trigger.MANUAL if tick is None else Trigger.SCHEDULE
    scheduled = started if tick is None else at(tick)
    made = Execution(f"{begin}/{tick}", "daily-backup", scheduled, trigger, status, created_at=scheduled)
    return replace(made, started_at=started, completed_at=completed, **fields)


def state(made: Job, rows: list[Execution], now: str | datetime, *pauses: Pause, since: datetime = LONG_AGO) -> str:
    return look(made, rows, now, *pauses, since=since).state.value


def look(
    made: Job, rows: list[Execution], now: str | datetime, *pauses: Pause, since: datetime = LONG_AGO, count_to: int = 1
) -> Expectation:
    moment = at(now) if isinstance(now, str) else now
    starts = dict.fromkeys(ExpectationKind, since)
    [found] = evaluate(made, ListedRuns(rows, moment), pauses, starts, moment, count_to=count_to)
    return found


def success(end: str) -> Execution:
    return run((at(end) - timedelta(minutes=5)).isoformat(), end, tick=(at(end) - timedelta(minutes=5)).isoformat())


def test_finish_by_waits_for_its_deadline_and_is_met_by_a_late_success() -> None:
    made = job(finish_by="06:00")
    day_before = success("2026-10-23T00:05:00Z")
    failed = run("2026-10-24T00:00:00Z", "2026-10-24T00:05:00Z", ok=False, tick="2026-10-24T00:00:00Z")
    rows = [day_before, failed]
    assert state(made, rows, "2026-10-24T03:59:59Z") == "pending"
    assert state(made, rows, "2026-10-24T04:00:00Z") == "broken"
    assert look(made, rows, "2026-10-24T04:00:00Z").due_at == at("2026-10-24T04:00:00Z")
    by_hand = run("2026-10-24T07:07:00Z", "2026-10-24T07:12:00Z")
    assert state(made, [*rows, by_hand], "2026-10-24T07:11:59Z") == "broken"
    assert state(made, [*rows, by_hand], "2026-10-24T07:12:00Z") == "met"


@pytest.mark.parametrize(
    ("schedule", "limit", "tick", "due_at"),
    [
        ("0 23 * * *", "02:30", "2026-03-28T22:00:00Z", "2026-03-29T01:00:00Z"),
        ("0 23 * * *", "02:30", "2026-10-24T21:00:00Z", "2026-10-25T00:30:00Z"),
        ("0 6 * * *", "06:00", "2026-03-10T05:00:00Z", "2026-03-11T05:00:00Z"),
    ],
)
def test_finish_by_is_the_first_such_time_after_the_tick(schedule: str, limit: str, tick: str, due_at: str) -> None:
    made = job_with({"schedule": schedule}, finish_by=limit)
    since = at(tick) - SECOND
    assert look(made, [], at(due_at) - SECOND, since=since).due_at == at(due_at)
    assert state(made, [], at(due_at) - SECOND, since=since) == "pending"
    assert state(made, [], due_at, since=since) == "broken"


def test_success_every_knows_nothing_of_the_schedule() -> None:
    rows = [success("2026-10-25T00:05:00Z")]
    assert state(job(success_every="24h"), rows, "2026-10-26T00:04:59Z") == "met"
    assert state(job(success_every="24h"), rows, "2026-10-26T00:05:00Z") == "broken"
    rows.append(success("2026-10-26T01:05:00Z"))
    for one in (job(success_every="26h"),):
        for now in ("2026-10-26T00:05:00Z", "2026-10-26T01:04:59Z", "2026-10-26T01:05:00Z"):
            assert state(one, rows, now) == "met"
    assert state(job(success_every="24h"), rows, "2026-10-26T01:05:00Z") == "met"


def test_a_freeze_moves_success_every() -> None:
    entry = {"from": "2026-12-24", "to": "2027-01-02"}
    freeze = parse("year-end", {"closed": [entry], "timezone": "Europe/Paris", "applies_to": "all"})
    plain = job(success_every="26h")
    made = replace(plain, timing=plain.timing.with_calendars((), (freeze,)))
    rows = [success("2026-12-23T01:05:00Z")]
    for day in range(24, 32):
        assert state(made, rows, f"2026-12-{day}T12:00:00Z") == "met", day
    assert state(made, rows, "2027-01-03T02:59:59Z") == "met"
    assert look(made, rows, "2027-01-03T03:00:00Z").due_at == at("2027-01-03T03:00:00Z")
    assert state(made, rows, "2027-01-03T03:00:00Z") == "broken"


def test_a_dropped_tick_ends_nothing_that_is_broken() -> None:
    freeze = parse("f", {"closed": ["2026-12-24"], "timezone": "Europe/Paris", "applies_to": "all"})
    plain = job(success_every="26h")
    made = replace(plain, timing=plain.timing.with_calendars((), (freeze,)))
    rows = [success("2026-12-22T01:05:00Z")]
    for now in ("2026-12-23T03:05:00Z", "2026-12-24T00:59:00Z", "2026-12-24T01:00:00Z", "2026-12-24T12:00:00Z"):
        assert look(made, rows, now).due_at == at("2026-12-23T03:05:00Z")
        assert state(made, rows, now) == "broken"


def test_after_a_pause_success_every_counts_from_its_end() -> None:
    made, rows = job(success_every="26h"), [success("2026-10-20T00:05:00Z")]
    begun = Pause("daily-backup", "moving", "ada", at("2026-10-20T12:00:00Z"))
    over = replace(begun, until=at("2026-10-24T12:00:00Z"))
    assert state(made, rows, "2026-10-23T00:00:00Z", begun) == "off"
    assert state(made, rows, "2026-10-24T11:59:59Z", over) == "off"
    assert look(made, rows, "2026-10-24T12:00:00Z", over).due_at == at("2026-10-25T14:00:00Z")
    assert state(made, rows, "2026-10-25T13:59:59Z", over) == "pending"
    assert state(made, rows, "2026-10-25T14:00:00Z", over) == "broken"


def test_a_pause_by_the_guard_leaves_success_every_on() -> None:
    guard = Pause("daily-backup", "version 7 failed", "guard", at("2026-10-20T12:00:00Z"))
    rows = [success("2026-10-20T00:05:00Z")]
    assert state(job(success_every="26h"), rows, "2026-10-23T00:00:00Z", guard) == "broken"
    assert state(job(start_within="2m"), rows, "2026-10-23T00:00:00Z", guard) == "off"


def test_start_within_is_broken_by_a_stalled_runner() -> None:
    made = job(start_within="2m")
    tick = "2026-11-28T01:00:00Z"
    rows = [run("2026-11-27T01:00:00Z", "2026-11-27T01:05:00Z", tick="2026-11-27T01:00:00Z")]
    assert state(made, rows, "2026-11-28T00:59:00Z") == "met"
    assert state(made, rows, "2026-11-28T01:01:59Z") == "pending"
    found = look(made, rows, "2026-11-28T01:30:00Z")
    assert (found.state.value, found.due_at) == ("broken", at("2026-11-28T01:02:00Z"))
    rows.append(run("2026-11-28T01:30:00Z", "2026-11-28T01:35:00Z", tick=tick))
    found = look(made, rows, "2026-11-28T02:00:00Z")
    assert (found.state.value, found.found) == ("broken", "2026-11-28T01:30:00Z")
    rows.append(run("2026-11-29T01:00:00.005Z", None, tick="2026-11-29T01:00:00Z"))
    assert state(made, rows, "2026-11-29T01:00:00Z") == "broken"
    assert state(made, rows, "2026-11-29T01:00:01Z") == "met"


def test_start_within_counts_the_jitter_and_no_tick_in_a_pause() -> None:
    made = job_with({"schedule": "@hourly", "jitter": "30m"}, start_within="1m")
    since = at("2026-11-28T00:30:00Z")
    due_at = look(made, [], "2026-11-28T01:00:00Z", since=since).due_at
    assert due_at is not None
    assert at("2026-11-28T01:01:00Z") <= due_at < at("2026-11-28T01:31:00Z")
    assert state(made, [], due_at - SECOND, since=since) == "pending"
    assert state(made, [], due_at, since=since) == "broken"
    paused = Pause("daily-backup", "moving", "ada", at("2026-11-28T00:45:00Z"), at("2026-11-28T01:30:00Z"))
    assert state(made, [], "2026-11-28T01:59:00Z", paused, since=since) == "pending"


def test_a_tick_that_a_calendar_dropped_is_not_judged_though_it_has_no_row() -> None:
    closed = parse("f", {"closed": ["2026-11-28"], "timezone": "Europe/Paris", "applies_to": "all"})
    for expect, rows in ({"start_within": "2m"}, 1), ({"finish_by": "06:00"}, 1):
        plain = job(**expect)
        made = replace(plain, timing=plain.timing.with_calendars((), (closed,)))
        ran = [run("2026-11-27T01:00:00Z", "2026-11-27T01:05:00Z", tick="2026-11-27T01:00:00Z")][:rows]
        assert state(made, ran, "2026-11-28T12:00:00Z") == "met"
        assert state(made, [], "2026-11-28T12:00:00Z") == "broken"


def test_a_moved_tick_is_judged_where_it_went() -> None:
    """Saturday's run comes on Monday: nothing is owed on Saturday, and Monday's run is."""
    closed = parse("weekend", {"closed": ["SAT", "SUN"], "timezone": "Europe/Paris"})

    def moved(**expect: str) -> Job:
        plain = job_with({"schedule": "0 2 * * SAT", "skip": ["weekend"], "on_skip": "next"}, **expect)
        return replace(plain, timing=plain.timing.with_calendars((closed,), ()))

    since = at("2026-11-27T12:00:00Z")  # a Friday
    for now, expected in (
        ("2026-11-29T23:00:00Z", "pending"),
        ("2026-11-30T01:01:59Z", "pending"),
        ("2026-11-30T01:02:00Z", "broken"),
    ):
        assert state(moved(start_within="2m"), [], now, since=since) == expected, now
    assert state(moved(finish_by="06:00"), [], "2026-11-30T04:59:59Z", since=since) == "pending"
    assert look(moved(finish_by="06:00"), [], "2026-11-30T05:00:00Z", since=since).due_at == at("2026-11-30T05:00:00Z")
    every = moved(success_every="50h")
    assert look(every, [], "2026-11-28T02:00:00Z", since=since).due_at == at("2026-12-02T03:00:00Z")
    assert state(every, [], "2026-12-02T02:59:59Z", since=since) == "pending"
    assert state(every, [], "2026-12-02T03:00:00Z", since=since) == "broken"


def test_max_duration_is_broken_while_it_runs() -> None:
    made = job(max_duration="10m")
    running = run("2026-11-28T01:00:00Z", tick="2026-11-28T01:00:00Z")
    assert state(made, [running], "2026-11-28T01:09:59Z") == "pending"
    found = look(made, [running], "2026-11-28T01:10:00Z")
    assert (found.state.value, found.due_at, found.found) == ("broken", at("2026-11-28T01:10:00Z"), "10m")
    ended = replace(running, status=Status.SUCCESS, completed_at=at("2026-11-28T01:11:00Z"))
    assert state(made, [ended], "2026-11-28T01:20:00Z") == "broken"
    failed_soon = run("2026-11-28T02:00:00Z", "2026-11-28T02:01:00Z", ok=False)
    assert state(made, [ended, failed_soon], "2026-11-28T02:10:00Z") == "broken"
    within = run("2026-11-28T03:00:00Z", "2026-11-28T03:10:00Z")
    assert state(made, [ended, failed_soon, within], "2026-11-28T03:10:00Z") == "met"


def test_min_duration_looks_at_successes_alone() -> None:
    made = job(min_duration="1s")
    short = run("2026-11-28T01:00:00Z", "2026-11-28T01:00:00.400Z")
    failed = run("2026-11-28T02:00:00Z", "2026-11-28T02:00:00.100Z", ok=False)
    assert state(made, [failed], "2026-11-28T03:00:00Z") == "pending"
    found = look(made, [short, failed], "2026-11-28T03:00:00Z")
    assert (found.state.value, found.found) == ("broken", "400ms")
    long = run("2026-11-28T04:00:00Z", "2026-11-28T04:00:01Z")
    assert state(made, [short, failed, long], "2026-11-28T05:00:00Z") == "met"


def test_judged_runs_in_a_row_are_counted() -> None:
    rows = [run(f"2026-11-{day}T01:00:00Z", f"2026-11-{day}T01:00:00.400Z") for day in (20, 21, 22)]
    now = "2026-11-23T00:00:00Z"
    assert look(job(min_duration="1s"), rows, now, count_to=10).count == 3
    assert look(job(min_duration="1s"), rows, now, count_to=2).count == 2
    assert look(job(max_duration="300ms"), rows, now, count_to=10).count == 3
    assert look(job(start_within="2m"), [], now, since=at("2026-11-18T12:00:00Z"), count_to=10).count == 4


@pytest.mark.parametrize("expect", [{"finish_by": "06:00"}, {"success_every": "26h"}, {"max_duration": "1m"}])
def test_replays_count_for_work_that_is_owed_and_for_nothing_else(expect: dict[str, str]) -> None:
    class Replayed:
        value = "replay"

    tick = "2026-11-28T01:00:00Z"
    replay = run("2026-11-28T09:00:00Z", "2026-11-28T09:05:00Z", tick=tick, trigger=Replayed())
    older = run("2026-11-28T09:00:00Z", "2026-11-28T09:05:00Z", tick="2026-11-27T01:00:00Z", trigger=Replayed())
    now = "2026-11-28T10:00:00Z"
    expected = {"finish_by": ("met", "broken"), "success_every": ("met", "met"), "max_duration": ("pending", "pending")}
    [kind] = expect
    assert (state(job(**expect), [replay], now), state(job(**expect), [older], now)) == expected[kind]


def test_what_is_off_and_what_began_before_it_counted() -> None:
    now = "2026-11-28T12:00:00Z"
    for kind, limit in LIMITS.items():
        assert state(job_with({"enabled": False}, **{kind: limit}), [], now) == "off"
        assert state(job(**{kind: limit}), [], now, since=at(now)) == "pending"
        assert state(job(**{kind: limit}), [], now, since=at(now) + timedelta(days=9)) == "pending"
    assert state(job_with({"schedule": "@at 2026-11-01T02:00"}, success_every="1h"), [], now) == "off"
    assert evaluate(job_with({"expect": None}), ListedRuns([], at(now)), (), {}, at(now)) == ()


def test_rows_from_a_clock_that_was_ahead_are_absent() -> None:
    later = run("2027-06-01T00:00:00Z", "2027-06-01T00:05:00Z")
    assert state(job(success_every="26h"), [later], "2026-11-28T12:00:00Z") == "broken"
    assert state(job(finish_by="06:00"), [later], "2026-11-28T12:00:00Z") == "broken"


LIMITS = {
    "start_within": "2m",
    "max_duration": "10m",
    "min_duration": "1s",
    "finish_by": "06:00",
    "success_every": "26h",
}


def history(random: Random) -> tuple[Job, list[Execution], list[Pause], datetime]:
    schedule = random.choice(["0 2 * * *", "@hourly", "*/7 * * * *", "@every 90m", ["0 1 * * *", "30 13 * * *"]])
    made = job_with({"schedule": schedule, "jitter": random.choice(["0s", "5m"])}, **LIMITS)
    begin = datetime(2026, 10, 24, 12, tzinfo=UTC)
    rows: list[Execution] = []
    for tick in list(made.timing.between(begin, begin + timedelta(hours=40)))[:60]:
        fate = random.random()
        if fate < 0.2:
            continue
        started = tick + timedelta(seconds=random.choice([0, 1, 30, 400, 4000]))
        took = timedelta(seconds=random.choice([0.2, 1, 60, 600, 1200]))
        kind = {"ok": fate > 0.5, "tick": tick.isoformat()}
        rows.append(run(started.isoformat(), (started + took).isoformat(), **kind))
        if fate > 0.9:
            rows.append(run((started + took).isoformat(), (started + 2 * took).isoformat(), ok=fate > 0.95))
    pauses = []
    if random.random() < 0.4:
        at_ = begin + timedelta(hours=random.uniform(0, 30))
        by = random.choice(["ada", "guard"])
        pauses.append(Pause("daily-backup", "x", by, at_, at_ + timedelta(hours=random.uniform(0, 8))))
    return made, rows, pauses, begin


def as_of(rows: list[Execution], now: datetime) -> list[Execution]:
    """The ledger as it was then: what had begun and not ended was running."""
    seen = [row for row in rows if row.started_at is not None and row.started_at <= now]
    ended = [row for row in seen if row.completed_at is not None and row.completed_at <= now]
    return [row if row in ended else replace(row, status=Status.RUNNING, completed_at=None) for row in seen]


@pytest.mark.parametrize("case", range(150))
def test_states_change_only_when_they_said_or_something_happened(case: int) -> None:
    """``next_at`` is never too late: between two looks without news the state is the same."""
    random = seeded(case)
    made, rows, pauses, begin = history(random)
    starts = dict.fromkeys(ExpectationKind, begin)
    instants = sorted(begin + timedelta(minutes=random.uniform(0, 60 * 40)) for _ in range(60))
    for earlier, later in pairwise(instants):
        before = evaluate(made, ListedRuns(as_of(rows, earlier), earlier), pauses, starts, earlier)
        after = evaluate(made, ListedRuns(as_of(rows, later), later), pauses, starts, later)
        is_news = as_of(rows, earlier) != as_of(rows, later) or any(
            edge is not None and earlier < edge <= later for pause in pauses for edge in (pause.at, pause.until)
        )
        for one, other in zip(before, after, strict=True):
            if not is_news and other.state.value == "broken" and one.state.value not in ("broken", "off"):
                assert one.next_at is not None
                assert one.next_at <= later, (one, other)


@pytest.mark.parametrize("case", range(150))
def test_a_state_depends_on_no_order_of_rows_and_on_no_later_ones(case: int) -> None:
    random = seeded(case)
    made, rows, pauses, begin = history(random)
    starts = dict.fromkeys(ExpectationKind, begin)
    now = begin + timedelta(minutes=random.uniform(0, 60 * 40))
    expected = evaluate(made, ListedRuns(as_of(rows, now), now), pauses, starts, now)
    shuffled = as_of(rows, now)
    random.shuffle(shuffled)
    later = [row for row in rows if row.started_at is not None and row.started_at > now]
    assert evaluate(made, ListedRuns([*shuffled, *later], now), pauses, starts, now) == expected
