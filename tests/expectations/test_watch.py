"""Expectations over a real ledger: one incident for each that breaks, over restarts and runners."""

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.engines import on_postgres, on_sqlite
from harness.notification_fixtures import Story, channel

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.model import ExecutionQuery
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.expectations.events import ExpectationEvents
from chronos_gitops.expectations.judging.state import ExpectationState
from chronos_gitops.expectations.watch import ExpectationWatch, OnLook
from chronos_gitops.notifications.detection.detector import DetectorInputs
from chronos_gitops.notifications.detection.expectation_incidents import ExpectationIncidents
from chronos_gitops.observability.event_log import EventLog

HOUR = timedelta(hours=1)
FAILING, STILL, RECOVERED = "expectation.failing", "expectation.still_failing", "expectation.recovered"


class Expecting(Story):
    """A story whose expectations are watched, too."""

    def start(self, *, most: int = 1000) -> None:
        super().start(most=most)
        self.incidents = ExpectationIncidents(self.channels)
        self.incidents.open(
            DetectorInputs(self.engine, self.following, self.now, "https://chronos"),  # type: ignore[arg-type]  # it answers what is asked
            self.desk,
        )
        self.expectations = self.watch()

    def watch(self) -> ExpectationWatch:
        return self.opened(self.incidents.looked)

    def opened(self, on_look: OnLook) -> ExpectationWatch:
        assert isinstance(self.engine, SqlEngine)
        beside = nullcontext(self.engine.store)
        made = ExpectationWatch((on_look,), lambda _: beside, count_to=self.incidents.count_to)
        made.open(self.engine, self.following.jobs, self.now)
        return made

    def told(self) -> list[str]:
        """Messages that one round puts into the outbox, a lap later."""
        self.clock.step(timedelta(seconds=15))
        self.expectations.round()
        return [letter.type for _, letter in self.letters()]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def story(data_folder: Path, receiver: Receiver) -> Iterator[Expecting]:
    made = Expecting(on_sqlite(data_folder / "ledger.db"), receiver, channel(reminder=timedelta(days=1)))
    yield made
    made.close()


def expects(story: Expecting, path: str = "/ok", **limits: str) -> None:
    story.edit(path, expect=limits)


def states(story: Expecting) -> list[str]:
    return [one.state.value for one in story.expectations.snapshot().get("daily-backup", ())]


def test_a_broken_expectation_is_told_once_reminded_and_met_again(story: Expecting) -> None:
    expects(story, success_every="26h")
    assert story.told() == []
    story.run()
    assert (story.told(), states(story)) == ([], ["met"])
    story.clock.step(25 * HOUR)
    assert story.told() == []
    story.clock.step(HOUR)
    story.expectations.round()
    [(_, letter)] = story.letters()
    assert (letter.type, letter.title) == (FAILING, "daily-backup has had no success for 26h")
    assert letter.data is not None
    assert letter.data["expectation"]["due_at"].startswith("2026-03-03T14:00:")
    assert "Last good run: 2026-03-02 12:00:15 UTC, of version 1" in letter.lines
    assert [story.told() for _ in range(5)] == [[]] * 5
    story.clock.step(24 * HOUR)
    assert story.told() == [STILL]
    story.run()
    assert (story.told(), states(story)) == ([RECOVERED], ["met"])


def test_the_commit_that_broke_the_schedule_is_named(story: Expecting) -> None:
    expects(story, success_every="26h")
    story.run()
    story.told()
    story.edit("/ok", author="Grace", schedule="@yearly", expect={"success_every": "26h"})
    story.clock.step(27 * HOUR)
    story.expectations.round()
    [(_, letter)] = story.letters()
    assert any(
        line.startswith("1 commit changed the job since then: ") and " by Grace, " in line for line in letter.lines
    )


def test_restarts_tell_nothing_twice(story: Expecting) -> None:
    expects(story, success_every="1h", min_duration="1h")
    story.told()
    story.run()
    story.clock.step(2 * HOUR)
    assert sorted(story.told()) == [FAILING, FAILING]
    for _ in range(5):
        story.restart()
        assert story.told() == []
    assert states(story) == ["broken", "broken"]


def test_what_broke_while_no_runner_was_there_is_told_once_with_its_own_deadline(story: Expecting) -> None:
    expects(story, success_every="26h")
    story.run()
    story.told()
    story.close()
    story.clock.leap(100 * HOUR)
    story.start()
    story.expectations.round()
    [(_, letter)] = story.letters()
    assert letter.data is not None
    assert letter.data["expectation"]["due_at"].startswith("2026-03-03T14:00:")
    assert story.told() == []


def test_nothing_rings_about_the_past_after_an_edit(story: Expecting) -> None:
    expects(story, min_duration="1h")
    story.told()
    story.run()
    assert story.told() == [FAILING]
    expects(story, min_duration="2h")
    assert story.told() == []
    assert states(story) == ["pending"]
    expects(story)
    assert (story.told(), states(story)) == ([], [])


def test_a_pause_and_disabling_end_it_quietly_and_begin_anew(story: Expecting) -> None:
    expects(story, success_every="1h")
    story.run()
    story.told()
    story.clock.step(2 * HOUR)
    assert story.told() == [FAILING]
    story.pause()
    assert (story.told(), states(story)) == ([], ["off"])
    story.engine.resume("daily-backup")
    assert (story.told(), states(story)) == ([], ["pending"])
    story.clock.step(2 * HOUR)
    assert story.told() == [FAILING]
    story.edit("/ok", enabled=False, expect={"success_every": "1h"})
    assert (story.told(), states(story)) == ([], ["off"])
    story.edit("/ok", expect={"success_every": "1h"})
    assert (story.told(), states(story)) == ([], ["pending"])


def test_a_threshold_counts_runs_for_limits_about_one_run(data_folder: Path, receiver: Receiver) -> None:
    story = Expecting(on_sqlite(data_folder / "ledger.db"), receiver, channel(threshold=3))
    expects(story, min_duration="1h", success_every="1h")
    story.told()
    for expected in ([], [], [FAILING], []):
        story.run()
        assert story.told() == expected
    story.clock.step(2 * HOUR)
    assert story.told() == [FAILING]
    story.close()


def test_only_channels_whose_tags_the_job_has_are_told(data_folder: Path, receiver: Receiver) -> None:
    channels = channel("data", tags=(("team", "data"),)), channel("web", tags=(("team", "web"),)), channel("all")
    story = Expecting(on_sqlite(data_folder / "ledger.db"), receiver, *channels)
    story.edit("/ok", expect={"success_every": "1h"}, tags={"team": "data"})
    story.told()
    story.clock.step(2 * HOUR)
    story.expectations.round()
    assert [name for name, _ in story.letters()] == ["data", "all"]
    story.edit("/ok", expect={"success_every": "1h"}, tags={"team": "web"})
    story.clock.step(timedelta(seconds=15))
    story.expectations.round()
    assert [(name, letter.type) for name, letter in story.letters()] == [("web", FAILING)], "the other one ends quietly"
    story.close()


@pytest.mark.parametrize("concurrency", ["forbid", "queue"])
def test_expectations_leave_every_row_as_it_is(data_folder: Path, receiver: Receiver, concurrency: str) -> None:
    """The same hours with and without limits, all of which break."""
    broken = {"start_within": "1s", "max_duration": "1ms", "min_duration": "30s", "success_every": "1s"}
    histories = []
    for place, limits in (("with", broken | {"finish_by": "12:01"}), ("without", {})):
        story = Expecting(on_sqlite(data_folder / f"{place}.db"), receiver)
        fields = {"schedule": "*/20 * * * *", "concurrency": concurrency, "timeout": "1m"}
        story.edit("/ok", **fields, **({"expect": limits} if limits else {}))
        for minutes in (20, 20, 50, 20):  # the third one misses a scheduled time
            story.clock.step(timedelta(minutes=minutes))
            story.seen.wait_until(lambda: _is_quiet(story))  # noqa: B023 - asked at once
            story.told()
        assert bool(limits) == ("broken" in states(story))
        rows = story.engine.executions(ExecutionQuery(job="daily-backup"))
        histories.append([(row.scheduled_time, row.trigger, row.status, row.reason, row.count) for row in rows])
        story.close()
    assert histories[0] == histories[1]
    assert len(histories[0]) >= 4


def _is_quiet(story: Expecting) -> bool:
    """Everything that was due has ended."""
    rows = story.engine.executions(ExecutionQuery(job="daily-backup"))
    now = story.now()
    is_recent = bool(rows) and now - rows[0].scheduled_time < timedelta(minutes=20)
    return is_recent and all(row.status.is_final for row in rows)


def test_events_tell_each_change_once_also_over_a_restart(story: Expecting, tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    seen: list[Any] = []

    def look() -> list[str]:
        ExpectationEvents(log).looked(*seen[-1])
        return [event.type.value for _, event in log.after(0)]

    story.expectations = story.opened(lambda *looked: seen.append(looked))
    expects(story, success_every="1h")
    story.run()
    story.told()
    assert look() == []
    story.clock.step(2 * HOUR)
    story.told()
    assert [look(), look()] == [["expectation_broken"]] * 2
    story.run()
    story.told()
    assert look() == look() == ["expectation_broken", "expectation_met"]


def test_runners_on_one_database_tell_each_change_once(postgres_url: str, receiver: Receiver) -> None:
    tried, told = 0, list[str]()
    story = Expecting(on_postgres(postgres_url), receiver, channel())
    expects(story, success_every="1h")
    watches = [story.expectations, story.watch(), story.watch()]
    _raced(story, watches)
    for turn in range(20):
        story.run()
        told += _raced(story, watches)
        story.clock.step(2 * HOUR)
        told += _raced(story, watches)
        tried += 1
        if turn % 5 == 2:  # the runners begin anew
            watches = [story.watch() for _ in watches]
    assert told == [FAILING, RECOVERED] * (tried - 1) + [FAILING]
    assert {one.state for one in watches[0].snapshot()["daily-backup"]} == {ExpectationState.BROKEN}
    story.close()


def test_a_look_that_is_older_than_the_end_begins_no_second_incident(story: Expecting) -> None:
    """Of two runners one has looked before the success, and comes to the desk after the other one."""
    expects(story, success_every="1h")
    story.run()
    story.told()
    story.clock.step(2 * HOUR)
    definition, before = story.following.definitions["daily-backup"], story.now()
    broken = story.expectations.ask(definition)
    assert story.told() == [FAILING]
    story.run()
    assert story.told() == [RECOVERED]
    story.incidents.looked(definition, broken, before)
    assert story.letters() == []
    story.clock.step(2 * HOUR)
    assert story.told() == [FAILING], "what breaks later is told"


def _raced(story: Expecting, watches: list[ExpectationWatch]) -> list[str]:
    """Events of all of them when they look at once."""
    story.clock.step(timedelta(seconds=15))
    threads = [threading.Thread(target=one.round) for one in watches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [letter.type for _, letter in story.letters()]
