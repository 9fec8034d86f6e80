"""Notifications about jobs and git, from a real ledger and a clock that is turned by hand."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.engines import on_postgres, on_sqlite
from harness.notification_fixtures import SYNCED, Story, channel

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.git.errors import GitError
from chronos_gitops.notifications.detection.detector import DetectorInputs, IncidentDetector
from chronos_gitops.notifications.detection.sync_alerts import PATIENCE
from chronos_gitops.sync.status import BrokenLayer, HeldDeletions, Revision, SyncState

New = Callable[..., Story]
FAILING, STILL, RECOVERED = ("ops", "job.failing"), ("ops", "job.still_failing"), ("ops", "job.recovered")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def new_story(data_folder: Path, receiver: Receiver) -> Iterator[New]:
    stories = []

    def make(*channels: Any) -> Story:
        story = Story(on_sqlite(data_folder / "ledger.db"), receiver, *channels)
        stories.append(story)
        return story

    yield make
    for story in stories:
        story.close()


def test_an_incident_is_told_at_its_threshold_and_once(new_story: New) -> None:
    story = new_story(channel(threshold=2))
    story.edit("/ok")
    story.run()
    story.edit("/status/503", author="Grace")
    story.run()
    assert story.look() == []
    run = story.run()
    story.watcher.round()
    [(_, letter)] = story.letters()
    assert letter.title == "daily-backup is failing"
    assert letter.data is not None
    assert (letter.data["failures"], letter.data["execution"]["id"]) == (2, run.id)
    commit = story.following.versions["daily-backup"][1].commit
    assert (
        f"1 commit changed the job since then: {commit[:8]} by Grace, 2026-03-02 12:00:00 UTC: Change 2 (version 2)"
        in letter.lines
    )
    assert "Error: the target responded with 503 Service Unavailable" in letter.lines
    assert dict(letter.links)["job"] == "https://chronos/jobs/daily-backup"
    story.run(times=3)
    assert story.look() == []
    story.edit("/ok")
    story.run()
    story.watcher.round()
    [(_, letter)] = story.letters()
    assert (letter.title, letter.lines) == (
        "daily-backup works again",
        ("It failed since 2026-03-02 12:00:00 UTC: 5 runs, and has succeeded now.",),
    )
    story.run()
    assert story.look() == []


def test_several_commits_are_named_and_none_where_nothing_changed(new_story: New) -> None:
    story = new_story()
    story.edit("/status/503")
    story.run()
    story.watcher.round()
    [(_, letter)] = story.letters()
    assert "Last good run: none is known" in letter.lines
    assert any(line.startswith("It runs version 1, ") for line in letter.lines)
    story.edit("/ok")
    story.run()
    assert story.look() == [RECOVERED]
    story.edit("/ok", author="Grace")
    story.edit("/status/500", author="Joan")
    story.run()
    story.watcher.round()
    [(_, letter)] = story.letters()
    assert "2 commits changed the job since then, newest first:" in letter.lines
    assert [line.split(" by ")[1].split(",")[0] for line in letter.lines if line.startswith("- ")] == ["Joan", "Grace"]
    story.edit("/flaky/1")
    story.run()
    story.look()
    story.edit("/ok")
    story.run()
    assert story.look() == [RECOVERED]


def test_a_draft_is_said_to_be_one(new_story: New) -> None:
    story = new_story()
    story.edit("/ok")
    story.run()
    story.edit("/status/503")
    definitions = story.following.definitions
    definitions["daily-backup"] = replace(definitions["daily-backup"], draft=True)
    story.run()
    story.watcher.round()
    [(_, letter)] = story.letters()
    assert letter.lines[-2] == "The file has changes that were not committed."
    inputs = DetectorInputs(story.engine, story.following, story.clock.now)  # type: ignore[arg-type]
    [definition] = story.following.jobs()
    assert inputs.past_of(definition, None, None).is_draft, "every kind of message says so"


def test_no_commit_is_blamed_for_a_draft_and_its_reminder_names_the_commit(new_story: New) -> None:
    story = new_story(channel(reminder=timedelta(hours=1)))
    for _ in range(4):
        story.edit("/ok")
    story.run()
    story.save("/status/503")
    story.run()
    story.watcher.round()
    [(_, letter)] = story.letters()
    assert letter.type == "job.failing"
    assert letter.lines[-3:-1] == (
        "Last good run: 2026-03-02 12:00:00 UTC, of version 4",
        "It ran a draft, changed since version 4.",
    )
    assert letter.data is not None
    assert (letter.data["changes"], letter.data["execution"]["commit"]) == ([], None)
    assert letter.data["execution"]["draft"] is True
    story.edit("/status/503", author="Grace")
    story.run()
    assert story.look() == []
    story.later += timedelta(hours=2)
    story.watcher.round()
    [(_, letter)] = story.letters()
    commit = story.following.versions["daily-backup"][4].commit
    assert letter.type == "job.still_failing"
    assert any(line.startswith(f"1 commit changed the job since then: {commit[:8]} by Grace") for line in letter.lines)


def test_a_failing_job_that_was_never_committed_names_nothing(new_story: New) -> None:
    story = new_story()
    story.save("/status/503")
    story.run()
    story.watcher.round()
    [(_, letter)] = story.letters()
    assert letter.lines[-3:-1] == ("Last good run: none is known", "It ran a draft that was never committed.")


def test_a_commit_after_a_good_draft_is_a_suspect(new_story: New) -> None:
    story = new_story()
    story.edit("/ok")
    story.save("/ok")
    story.run()
    story.edit("/status/503", author="Grace")
    story.run()
    story.watcher.round()
    [(_, letter)] = story.letters()
    assert "Last good run: 2026-03-02 12:00:00 UTC, of a draft" in letter.lines
    assert "by Grace" in letter.lines[-3]
    assert letter.lines[-2] == "Nothing else that is watched changed."


def test_a_restart_tells_nothing_again_and_what_nobody_had_looked_at(new_story: New) -> None:
    story = new_story()
    story.edit("/status/503")
    story.edit("/status/503", job="other")
    story.run()
    assert story.look() == [FAILING]
    story.run("other")
    story.restart()
    assert story.look() == [FAILING], "of the other job, whose end was recorded and never looked at"
    assert story.look() == []
    story.restart()
    assert story.look() == []
    story.edit("/ok")
    story.run()
    assert story.look() == [RECOVERED], "though another process has opened it"


def test_a_reminder_comes_after_a_day_and_over_a_restart(new_story: New) -> None:
    story = new_story(channel(), channel("quiet", reminder=timedelta(0)))
    story.edit("/status/503")
    story.run()
    assert len(story.look()) == 2
    story.later = timedelta(hours=23, minutes=59)
    assert story.look() == []
    story.restart()
    story.later = timedelta(hours=24)
    assert story.look() == [STILL]
    story.later = timedelta(hours=47)
    assert story.look() == []


@pytest.mark.parametrize("how", ["pause", "disable", "remove", "retag"])
def test_where_nobody_waits_for_the_job_an_incident_ends_quietly(new_story: New, how: str) -> None:
    story = new_story(channel(tags=(("team", "backend"),)))
    tags = {"team": "backend"}
    story.edit("/status/503", tags=tags)
    story.run()
    assert story.look() == [FAILING]
    match how:
        case "pause":
            story.pause()
        case "disable":
            story.edit("/status/503", tags=tags, enabled=False)
        case "remove":
            story.remove()
        case "retag":
            story.edit("/status/503", tags={"team": "frontend"})
    story.later += timedelta(minutes=1)
    assert story.look() == []
    assert story.desk.open() == {}
    story.engine.resume("daily-backup")
    story.edit("/status/503", tags=tags)
    story.later += timedelta(minutes=1)
    assert story.look() == [], "only what fails from now on is news"
    story.clock.step(timedelta(minutes=5))
    story.run()
    assert story.look() == [FAILING]


def test_each_channel_hears_what_it_asked_for(new_story: New) -> None:
    backend, frontend = (("team", "backend"),), (("team", "frontend"),)
    story = new_story(
        channel("backend", tags=backend),
        channel("frontend", tags=frontend),
        channel("patient", threshold=3),
        channel("one-way", recovery=False),
        channel("git", kinds=frozenset(("sync",))),
    )
    story.edit("/status/503", tags={"team": "backend", "tier": "1"})
    story.run()
    assert story.look() == [("backend", "job.failing"), ("one-way", "job.failing")]
    story.run(times=2)
    assert story.look() == [("patient", "job.failing")]
    story.edit("/ok", tags={"team": "backend", "tier": "1"})
    story.run()
    assert story.look() == [("backend", "job.recovered"), ("patient", "job.recovered")]
    story.edit("/status/503", tags={"team": "backend", "tier": "1"})
    story.run()
    assert ("one-way", "job.failing") in story.look(), "a new incident, though the end of the last was not told"


def test_when_too_much_waits_what_lasts_is_told_when_there_is_room(
    new_story: New, caplog: pytest.LogCaptureFixture
) -> None:
    story = new_story()
    story.restart(most=1)
    for name in ("a", "b", "c"):
        story.edit("/status/503", job=name)
        story.run(name)
    for told in ("a", "b", "c"):
        for _ in range(3):
            story.watcher.round()
        assert [letter.title for _, letter in story.letters()] == [f"{told} is failing"]
        story.later += timedelta(seconds=15)
    assert story.look() == []
    assert caplog.text.count("notifications_wait") == 2, "once a lap, however many wait"


def test_a_long_incident_is_counted_to_its_end_over_restarts(new_story: New) -> None:
    """Five seconds: more failures than one page of the ledger has."""
    story = new_story()
    story.edit("/status/503")
    story.run()
    assert story.look() == [FAILING]
    for _ in range(2):
        story.run(times=120)
        story.later += timedelta(minutes=1)
        assert story.look() == []
        story.restart()
    story.edit("/ok")
    story.run()
    story.watcher.round()
    [(_, letter)] = story.letters()
    assert letter.data is not None
    assert letter.data["failures"] == 241


def test_a_runner_without_a_shared_desk_asks_what_failed_elsewhere(new_story: New) -> None:
    story = new_story()
    story.edit("/status/503")
    story.look()
    story.watcher = IncidentDetector(story.channels)  # hears nothing of this engine
    story.open(story.watcher, is_shared=False)
    story.look()
    story.run()
    assert story.look() == []
    story.later += timedelta(seconds=15)
    assert story.look() == [FAILING]


def test_a_failure_after_a_recovery_that_another_runner_told_is_news_here(new_story: New) -> None:
    story = new_story()
    mine, other = (
        IncidentDetector(story.channels),
        IncidentDetector(story.channels),
    )  # neither hears of this engine by itself

    def heard_by(watcher: IncidentDetector, path: str) -> list[tuple[str, str]]:
        story.edit(path)
        watcher.execution_finished(story.run())
        story.watcher = watcher
        return story.look()

    for watcher in (mine, other):
        story.open(watcher)
    assert heard_by(mine, "/status/503") == [FAILING]
    other.round()
    assert heard_by(other, "/ok") == [RECOVERED]
    assert heard_by(mine, "/status/503") == [], "it still takes the job for failing"
    story.later += timedelta(seconds=15)
    assert story.look() == [FAILING]


FAILED = SyncState.FAILED


def test_git_is_away_only_after_some_patience_and_comes_back_once(new_story: New) -> None:
    story = new_story()
    assert story.sync() == []
    assert story.sync(state=FAILED, reason="NetworkError", message="no route to https://git.example.com") == []
    story.later = PATIENCE
    story.watcher.round()
    [(_, letter)] = story.letters()
    assert (letter.type, letter.title) == ("sync.failing", "git cannot be followed; the last good jobs run")
    assert "NetworkError: no route to https://git.example.com" in letter.lines
    assert letter.lines[-1] == "See more: chronos-gitops status"
    assert letter.data is not None
    assert (letter.data["topic"], letter.data["reason"]) == ("follow", "NetworkError")
    assert story.sync(reason="AuthenticationFailed") == []
    story.restart()
    assert story.sync(state=SyncState.STARTING) == []
    assert story.sync(state=FAILED) == []
    assert story.sync(state=SyncState.SYNCED, reason=None) == [("ops", "sync.recovered")]
    assert story.sync() == []


def test_a_short_outage_is_no_news(new_story: New) -> None:
    story = new_story()
    assert story.sync(state=FAILED, reason="NetworkError") == []
    story.later += timedelta(seconds=59)
    assert story.sync(state=SyncState.SYNCED) == []
    story.later += timedelta(seconds=59)
    assert story.sync(state=FAILED) == []
    story.later += timedelta(seconds=59)
    assert story.sync() == []


def test_files_and_deletions_are_told_once_each_with_who_did_it(new_story: New) -> None:
    story = new_story()
    story.edit("/ok", author="Grace")
    held = HeldDeletions(("daily-backup",), "sha256:x")
    assert story.sync(quarantined=("daily-backup",)) == [("ops", "sync.failing")]
    story.following.now = replace(story.following.now, held=held, message="1 deletions at once are held")
    story.watcher.round()
    [(_, letter)] = story.letters()
    assert letter.title == "deletions wait for approval"
    assert any("sha256:x" in line for line in letter.lines)
    assert any(" by Grace, " in line for line in letter.lines)
    story.restart()
    assert story.sync() == []
    assert story.sync(held=None) == [("ops", "sync.recovered")]
    assert story.sync(state=FAILED, reason="NetworkError") == [], "nobody knows, so nobody says that it is over"
    assert story.sync(state=SyncState.DEGRADED, reason=None, quarantined=()) == [("ops", "sync.recovered")]


def test_broken_layer_is_one_message_with_a_count_and_ten_names(new_story: New) -> None:
    story = new_story()
    story.following.source = Gone()  # type: ignore[attr-defined]  # where authors are looked for
    names = tuple(f"job-{number:02}" for number in range(12))
    layer = BrokenLayer("jobs/_defaults.yaml", names)
    story.following.now = replace(story.following.now, quarantined=names, broken_layers=(layer,))
    story.watcher.round()
    [(_, letter)] = story.letters()
    sentence = f"jobs/_defaults.yaml is invalid, so 12 jobs stay as they are: {', '.join(names[:10])} and 2 more"
    assert sentence in letter.lines
    assert letter.data is not None
    assert (letter.data["names"], letter.data["names_total"]) == (["jobs/_defaults.yaml"], 1)
    assert letter.data["layers"] == [{"file": "jobs/_defaults.yaml", "jobs": 12, "job_names": list(names[:10])}]
    more = BrokenLayer("jobs/_defaults.yaml", (*names, "one-more"))
    assert story.sync(quarantined=more.quarantined, broken_layers=(more,)) == []
    assert story.sync(quarantined=(), broken_layers=()) == [("ops", "sync.recovered")]


def test_each_commit_that_is_refused_is_told(new_story: New) -> None:
    story = new_story(channel(kinds=frozenset(("sync",))))
    story.following.source = Gone()  # type: ignore[attr-defined]  # where authors are looked for
    refused = {"state": FAILED, "reason": "ValidationFailed", "message": "1 invalid file"}
    assert story.sync(**refused, revision=Revision("c2", "c2", "c1")) == [("ops", "sync.failing")]
    assert story.sync() == []
    assert story.sync(revision=Revision("c3", "c3", "c1")) == [("ops", "sync.failing")]
    assert story.sync(reason="VerificationFailed", revision=Revision("c4", "c3", "c1")) == [("ops", "sync.failing")]
    story.following.now = SYNCED
    assert story.look() == [("ops", "sync.recovered")]


class Gone:
    """A repository that is away."""

    @property
    def git(self) -> Any:
        class Git:
            def run(self, *_words: str, **_options: Any) -> bytes:
                raise GitError("it is away")

        return Git()


def test_a_fleet_tells_one_incident_once_and_a_dead_runners_fault_is_ended_by_another(
    postgres_url: str, receiver: Receiver
) -> None:
    """Two runners on one database look at the same time, again and again."""
    stories = [Story(on_postgres(postgres_url, place), receiver) for place in ("one", "two")]
    one, two = stories
    try:
        for name in ("a", "b", "c"):
            for story in stories:
                story.edit("/status/503", job=name)
            one.run(name)
        two.watcher.execution_finished(one.seen.ended[0])
        for _ in range(5):
            threads = [threading.Thread(target=story.watcher.round) for story in stories]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
        assert sorted(letter.title for _, letter in one.letters()) == [f"{name} is failing" for name in "abc"]
        away = {"state": FAILED, "reason": "NetworkError"}
        one.sync(**away)
        one.later = PATIENCE
        assert one.look() == [("ops", "sync.failing")]
        two.later = PATIENCE
        assert two.look() == [], "the one that cannot follow git is there, and says when it can"
        one.close()
        assert two.look() == [("ops", "sync.recovered")]
    finally:
        for story in stories:
            story.close()
