"""The daily preflight and those that are asked for: what is made, kept and told, over restarts and runners."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from expectations.preflight.conftest import Preflighted
from harness.engines import on_postgres

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.config.groups import PreflightSettings
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.expectations.preflight.gauges import PreflightGauges
from chronos_gitops.expectations.preflight.service import Preflights, PreflightUnderWay
from chronos_gitops.webhooks.preflight.checks import CheckResult

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FAILING, STILL, RECOVERED = "preflight.failing", "preflight.still_failing", "preflight.recovered"


def kinds(story: Preflighted) -> list[str]:
    return [event.type.value for _, event in story.events.after(0)]


def test_a_failing_job_is_told_once_reminded_and_passes_again(story: Preflighted) -> None:
    assert story.at(2, 15, 59) == []
    story.clock.leap(timedelta(minutes=1))
    story.preflights.round()
    [(_, letter)] = story.letters()
    assert letter.type == FAILING
    assert letter.title == "daily-backup, 2026-03-03T02:00:00Z: ${secret:key} has no value (set CHRONOS_SECRET_KEY)"
    assert letter.lines[:2] == ("Since: 2026-03-02 16:00:05 UTC", "Preflight: the check secret fails")
    assert "Check again: chronos-gitops preflight daily-backup" in letter.lines
    assert letter.links == (("job", "https://chronos/jobs/daily-backup"),)
    assert letter.data is not None
    assert letter.data["preflight"]["check"] == "secret"
    assert [story.told() for _ in range(5)] == [[]] * 5
    for _ in range(5):
        story.restart()
        assert story.told() == []
    assert story.at(3, 16) == [STILL]
    story.world.values["key"] = "v4lue"
    assert story.at(3, 20) == [], "nothing looks at it between two preflights"
    assert story.at(4, 16) == [RECOVERED]
    assert story.preflights.failures() == {}
    assert kinds(story) == ["preflight_failed", "preflight_passed"]
    assert [event.message for _, event in story.events.after(0)][-1] == "secret passes again"


def test_a_success_of_the_job_ends_it(story: Preflighted) -> None:
    assert story.at(2, 16) == [FAILING]
    story.edit("/ok", schedule="0 2 * * *")
    assert story.run().status == "success"
    assert story.told() == [RECOVERED]


@pytest.mark.parametrize("how", ["pause", "disable", "remove"])
def test_a_job_that_does_not_run_ends_it_quietly(story: Preflighted, how: str) -> None:
    assert story.at(2, 16) == [FAILING]
    if how == "pause":
        story.pause()
    elif how == "disable":
        story.keyed(enabled=False)
    else:
        story.remove()
    assert story.told() == []
    assert story.preflights.failures() == {}
    assert story.desk.open() == {}
    assert kinds(story) == ["preflight_failed"]


def test_jobs_without_a_scheduled_time_in_the_window_are_not_looked_at(story: Preflighted) -> None:
    story.keyed(schedule="0 2 5 * *")
    assert story.at(2, 16) == []
    assert story.at(4, 16) == [FAILING]


def test_a_pause_takes_scheduled_times_away(story: Preflighted) -> None:
    story.clock.leap(timedelta(hours=4))
    story.engine.pause("daily-backup", reason="moving", by="ada", until=story.now() + 23 * HOUR)
    assert story.told() == []
    assert len(story.preflights.ask(list(story.following.jobs()), 48 * HOUR)) == 4
    assert story.preflights.ask(list(story.following.jobs()), 24 * HOUR) == ()


def test_a_runner_that_was_down_makes_it_at_its_start_up_to_an_hour_late(story: Preflighted) -> None:
    for day, hour, minute, last in ((2, 16, 59, 2), (3, 17, 1, 2), (4, 16, 30, 4)):
        story.close()
        story.clock.leap(datetime(2026, 3, day, hour, minute, tzinfo=UTC) - story.now())
        story.start()
        story.preflights.round()
        daily = story.preflights.daily()
        assert daily is not None
        assert daily.due == datetime(2026, 3, last, 16, tzinfo=UTC)


def test_without_a_time_there_is_no_daily_one(story: Preflighted) -> None:
    assert isinstance(story.engine, SqlEngine)
    never = Preflights(story.world.probe(), PreflightSettings())
    never.open(story.engine, story.engine.store, story.following.jobs, story.now)
    story.clock.leap(4 * HOUR)
    never.round()
    assert never.daily() is None


def test_what_a_caller_asks_for_is_answered_and_ends_what_has_passed(story: Preflighted) -> None:
    jobs = list(story.following.jobs())
    assert next(item.result for item in story.preflights.ask(jobs, DAY)) is CheckResult.FAIL
    assert (story.told(), story.preflights.failures()) == ([], {})
    assert story.at(2, 16) == [FAILING]
    story.world.values["key"] = "v4lue"
    assert story.preflights.ask(jobs, HOUR) == ()
    assert len(story.preflights.failures()) == 1, "the scheduled time that failed was not looked at"
    assert {item.result for item in story.preflights.ask(jobs, DAY)} == {CheckResult.PASS}
    assert [letter.type for _, letter in story.letters()] == [RECOVERED]


def test_one_at_a_time(story: Preflighted) -> None:
    with story.preflights._alone(), pytest.raises(PreflightUnderWay, match="A preflight is under way") as refusal:
        story.preflights.ask(list(story.following.jobs()), DAY)
    assert refusal.value.hint == "Ask again in a minute."


def test_gauges(story: Preflighted) -> None:
    def shown() -> dict[str, float]:
        families = PreflightGauges(story.preflights, 500).collect()
        return {f"{one.name}{one.labels.get('job_name', '')}": one.value for each in families for one in each.samples}

    assert shown() == {}
    story.at(2, 16)
    assert shown() == {
        "chronos_preflight_faileddaily-backup": 1.0,
        "chronos_preflight_last_timestamp_seconds": datetime(2026, 3, 2, 16, 0, 5, tzinfo=UTC).timestamp(),
    }


def test_runners_on_one_database_make_it_once_and_tell_each_change_once(
    postgres_url: str, tmp_path: Path, receiver: Receiver
) -> None:
    story = Preflighted(on_postgres(postgres_url), receiver, tmp_path / "events.jsonl", reminder=timedelta(0))
    story.keyed()
    runners = [story.preflights, story.runner(), story.runner()]
    told, days = list[str](), 6
    for day in range(days):
        story.world.values.clear() if day % 2 == 0 else story.world.values.update(key="v4lue")
        story.clock.leap(datetime(2026, 3, 2 + day, 16, 0, 5, tzinfo=UTC) - story.now())
        for _ in range(3):
            told += _raced(story, runners)
    assert told == [FAILING, RECOVERED] * (days // 2)
    story.close()


def _raced(story: Preflighted, runners: list[Preflights]) -> list[str]:
    story.clock.step(timedelta(seconds=15))
    threads = [threading.Thread(target=one.round) for one in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [letter.type for _, letter in story.letters()]
