"""The gate as a pure function, beside the sentences of the contract taken literally: instant by instant."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from chronos_gitops.engine.model import Execution, Gate, Status, Trigger
from chronos_gitops.engine.requires.gates import Passage, gate_of, looked, newest, passage, wanted
from chronos_gitops.jobs.model import Job

T = datetime(2026, 11, 28, 8, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def job(**requires: str) -> Job:
    return Job.from_document(
        {
            "name": "daily-report",
            "schedule": "30 8 * * *",
            "webhook": {"url": "http://127.0.0.1/"},
            "requires": {"job": "nightly-extract", "success_within": "24h", "wait": "45m"} | requires,
        }
    )


def waiting(at: datetime = T, trigger: Trigger = Trigger.SCHEDULE, **more: object) -> Execution:
    return Execution("e", "daily-report", at, trigger, Status.PENDING, **more)  # type: ignore[arg-type]  # one of its fields


def extract(ended: datetime, trigger: Trigger = Trigger.SCHEDULE, tick: datetime | None = None) -> Execution:
    at = tick or ended - MINUTE
    return Execution(f"x{ended}", "nightly-extract", at, trigger, Status.SUCCESS, completed_at=ended)


def decided(found: list[Execution], now: datetime, of: Job) -> tuple[Passage, Gate]:
    gate = gate_of(waiting(), of, T)
    assert gate is not None
    assert of.requires is not None
    seen = looked(gate, newest(found, wanted(gate, of.requires, now)))
    return passage(seen, of.requires, now), seen


@pytest.mark.parametrize(
    ("ended", "now", "expected"),
    [
        (T - SECOND, T, Passage.START),
        (T + 20 * SECOND, T + 19 * SECOND, Passage.WAIT),
        (T + 20 * SECOND, T + 20 * SECOND, Passage.START),
        (None, T + 45 * MINUTE - SECOND, Passage.WAIT),
        (None, T + 45 * MINUTE, Passage.SKIP),
        (T + 45 * MINUTE, T + 45 * MINUTE, Passage.START),
        (T + 45 * MINUTE + timedelta(milliseconds=1), T + 60 * MINUTE, Passage.SKIP),
        (T - timedelta(hours=24), T, Passage.WAIT),
        (T - timedelta(hours=24) + timedelta(milliseconds=1), T, Passage.START),
        (T + 5 * MINUTE, T + 300 * MINUTE, Passage.START),
    ],
)
def test_the_worked_example(ended: datetime | None, now: datetime, expected: Passage) -> None:
    assert decided([] if ended is None else [extract(ended)], now, job())[0] is expected


def test_without_a_wait_it_is_judged_once_and_otherwise_may_run() -> None:
    assert decided([], T, job(wait="0s"))[0] is Passage.SKIP
    assert decided([], T, job(wait="0s", otherwise="run"))[0] is Passage.START
    assert decided([extract(T)], T, job(wait="0s"))[0] is Passage.START


def test_manual_triggers_replays_and_what_has_begun_have_no_gate() -> None:
    assert gate_of(waiting(trigger=Trigger.MANUAL), job(), T) is None
    assert gate_of(waiting(trigger=Trigger.REPLAY), job(), T) is None
    started = Execution("e", "daily-report", T, Trigger.SCHEDULE, Status.RUNNING)
    assert gate_of(started, job(), T) is None


def test_the_deadline_is_that_of_the_row_and_a_catch_up_waits_from_its_turn_on() -> None:
    late = T + 30 * MINUTE
    assert gate_of(waiting(), job(), late) == Gate("nightly-extract", T, T + 45 * MINUTE)
    caught_up = gate_of(waiting(trigger=Trigger.CATCHUP), job(), late)
    assert caught_up == Gate("nightly-extract", late, late + 45 * MINUTE)
    after_a_restart = waiting(trigger=Trigger.CATCHUP, requires=caught_up)
    assert gate_of(after_a_restart, job(), late + 20 * MINUTE) == caught_up


def test_a_gate_that_was_found_open_keeps_the_success_that_opened_it() -> None:
    """Also when the runner that found it open has died before the request, and another one looks again."""
    _, opened = decided([extract(T - MINUTE)], T, job())
    required = job().requires
    assert required is not None
    again = looked(opened, newest([extract(T + MINUTE)], wanted(opened, required, T + 2 * MINUTE)))
    assert again == opened
    assert passage(looked(opened, None), required, T + 60 * MINUTE) is Passage.START


def test_a_deadline_of_a_clock_that_was_ahead_does_not_count() -> None:
    ahead = Gate("nightly-extract", T + timedelta(days=300), T + timedelta(days=301))
    assert gate_of(waiting(requires=ahead), job(), T) == Gate("nightly-extract", T, T + 45 * MINUTE)


def test_a_replay_counts_when_its_scheduled_time_lies_there_as_well() -> None:
    old = extract(T - MINUTE, Trigger.REPLAY, T - timedelta(hours=24))
    recent = extract(T - MINUTE, Trigger.REPLAY, T - timedelta(hours=23))
    assert decided([old], T, job())[0] is Passage.WAIT
    assert decided([recent], T, job())[0] is Passage.START


def literally(found: list[Execution], of: Job, now: datetime) -> Passage:
    """Second by second: met at t when a success ended in (t - success_within, t], for a replay with its tick there."""
    required = of.requires
    assert required is not None
    t, last = T, min(now, T + required.wait)
    while t <= last:
        since = t - required.success_within
        for one in found:
            assert one.completed_at is not None
            if since < one.completed_at <= t and (one.trigger is not Trigger.REPLAY or since < one.scheduled_time <= t):
                return Passage.START
        t += SECOND
    if now < T + required.wait:
        return Passage.WAIT
    return Passage.START if required.otherwise == "run" else Passage.SKIP


def test_it_says_at_any_look_what_the_contract_says_at_random() -> None:
    chance = random.Random(9)
    triggers = [Trigger.SCHEDULE, Trigger.MANUAL, Trigger.REPLAY]
    steps = 0
    for _ in range(2000):
        of = job(
            success_within=f"{chance.randint(1, 30)}s",
            wait=f"{chance.randint(0, 30)}s",
            otherwise=chance.choice(["skip", "run"]),
        )
        found = []
        for _ in range(chance.randint(0, 3)):
            ended = T + chance.randint(-40, 40) * SECOND
            tick = ended - chance.randint(0, 40) * SECOND
            found.append(extract(ended, chance.choice(triggers), tick))
        for look in sorted(chance.sample(range(50), 5)):
            now = T + look * SECOND
            known = [one for one in found if one.completed_at is not None and one.completed_at <= now]
            assert decided(known, now, of)[0] is literally(known, of, now), (of.requires, known, look)
            steps += 1
    assert steps == 10_000
