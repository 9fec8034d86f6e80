"""Events are numbered, kept over restarts, bounded, and never in anybody's way."""

import logging
import threading
import tracemalloc
from dataclasses import fields
from pathlib import Path

import pytest

from chronos_gitops.observability.event_log import Event, EventKind, EventLog, LayerReach
from chronos_gitops.observability.repeated_lines import fields_of

AT = "2026-03-01T00:00:00.000Z"


def event(message: str = "x", kind: EventKind = EventKind.JOB_FAILING, job: str | None = "a") -> Event:
    return Event(AT, kind, message, job=job)


def messages(log: EventLog) -> list[str]:
    return [found.message for _, found in log.newest(100)]


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    assert [log.add(event(str(number))) for number in range(3)] == [1, 2, 3]
    again = EventLog(path)
    assert again.newest(100) == log.newest(100)
    assert again.add(event("new")) == 4


def test_every_field_survives_the_file(tmp_path: Path) -> None:
    whole = Event(
        AT,
        EventKind.COMMIT_APPLIED,
        'ä"\n',
        job="job",
        commit="c" * 40,
        execution="e",
        replay="p",
        by="ada",
        result="done",
        request_id="r",
        added=("a",),
        changed=("b", "c"),
        removed=("d",),
        calendar="year-end",
        layers=(LayerReach.of("_defaults.yaml", ["a", "b"]),),
        paths={"job": "jobs/job.yaml"},
    )
    least = Event("", EventKind.JOB_PAUSED, "")
    assert not [one.name for one in fields(whole) if getattr(whole, one.name) == getattr(least, one.name)]
    EventLog(tmp_path / "events.jsonl").add(whole)
    assert EventLog(tmp_path / "events.jsonl").newest(1) == [(1, whole)]


def test_memory_and_file_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path, keep=10)
    for number in range(95):
        log.add(event(str(number)))
    assert len(log.newest(100)) == 10
    assert len(path.read_bytes().split()) < 95 * 10
    assert len([line for line in path.read_bytes().splitlines() if line]) <= 21
    assert EventLog(path, keep=10).newest(100) == log.newest(100)


@pytest.mark.parametrize(
    "garbage", [b'\n{"id": 9, "at', b"\nnull", b"\n[]", b'\n{"id": "x"}', b'\n{"id": 9, "type": "no"}']
)
def test_a_line_that_cannot_be_read_is_passed_over(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "events.jsonl"
    EventLog(path).add(event("before"))
    path.write_bytes(path.read_bytes() + garbage)
    EventLog(path).add(event("after"))
    assert messages(EventLog(path)) == ["after", "before"]


def test_a_file_that_cannot_be_written_loses_nothing_in_memory(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "gone" / "events.jsonl")
    assert log.add(event("kept")) == 1
    assert messages(log) == ["kept"]


def test_newest_takes_what_is_wanted_below_a_number(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    for number in range(6):
        log.add(event(str(number), job="even" if number % 2 == 0 else "odd"))
    found = log.newest(2, before=5, wanted=lambda one: one.job == "even")
    assert [(number, one.message) for number, one in found] == [(3, "2"), (1, "0")]


def test_after_waits_for_the_next_one(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    assert log.after(0) == []
    timer = threading.Timer(0.05, lambda: log.add(event("late")))
    timer.start()
    assert [one.message for _, one in log.after(0, timeout=10)] == ["late"]
    assert log.after(1) == []
    assert log.after(99) == []
    timer.join()


def test_who_was_away_too_long_gets_what_is_left(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl", keep=3)
    for number in range(10):
        log.add(event(str(number)))
    assert [number for number, _ in log.after(2)] == [8, 9, 10]


@pytest.mark.parametrize("kind", EventKind)
def test_every_event_is_a_line_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: EventKind) -> None:
    caplog.set_level(logging.INFO)
    event = Event("2026-03-01T12:00:00Z", kind, "the reason", job="one", commit="c0ffee", by="alice", result="refused")
    EventLog(tmp_path / "events.jsonl").add(event)
    fields = fields_of(caplog.records[-1])
    assert (fields["event"], fields["job"], fields["commit"], fields["by"]) == (kind.value, "one", "c0ffee", "alice")
    assert "the reason" in caplog.messages[-1]


def commit_applied(number: int) -> Event:
    commit = f"{number:040x}"
    return Event(AT, EventKind.COMMIT_APPLIED, "0 added, 1 changed, 0 removed", commit=commit, changed=("job",))


def test_memory_is_bounded_by_a_few_bytes_for_each_event(tmp_path: Path) -> None:
    """Before, an event of an applied commit kept 880 bytes: 0.9 MB of an hour with a commit every five seconds."""
    log = EventLog(tmp_path / "events.jsonl", path_of=lambda job: f"jobs/{job}.yaml")
    logging.disable()  # pytest keeps the lines of a test
    tracemalloc.start()
    try:
        for number in range(200):
            log.add(commit_applied(number))
        before, _ = tracemalloc.get_traced_memory()
        for number in range(200, 840):
            log.add(commit_applied(number))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        logging.disable(logging.NOTSET)
    assert (after - before) / 640 < 120


def test_packed_events_are_read_as_they_were(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl", path_of=lambda job: f"jobs/{job}.yaml")
    for number in range(1, 1001):
        log.add(commit_applied(number))
    assert [(one, event.commit) for one, event in log.newest(2000)] == [(n, f"{n:040x}") for n in range(1000, 0, -1)]
    assert [one for one, _ in log.newest(3, before=130)] == [129, 128, 127]
    assert [one for one, _ in log.after(500)] == list(range(501, 1001))
    again = EventLog(tmp_path / "events.jsonl")
    assert again.newest(2000) == log.newest(2000)
    again.add(commit_applied(1001))
    assert again.newest(2000, before=1001) == log.newest(2000)


def test_packed_events_are_bounded_and_kept_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path, keep=200)
    for number in range(1, 1001):
        log.add(commit_applied(number))
    numbers = [one for one, _ in log.newest(2000)]
    assert numbers == list(range(1000, 1000 - len(numbers), -1))
    assert 200 - 64 < len(numbers) <= 200
    assert EventLog(path, keep=200).newest(len(numbers)) == log.newest(2000)
