"""State changes become events: each once, also over a restart."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chronos_gitops.engine.model import Execution, Status, Trigger
from chronos_gitops.engine.operations.replays import ReplayEnd, ReplayState
from chronos_gitops.jobs.calendar_set import CalendarFile, CalendarSet
from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.layers.file_roles import FileRole
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.observability.event_log import EventLog, LayerReach
from chronos_gitops.observability.event_recorder import AppliedJobs, EventRecorder
from chronos_gitops.schedule.calendars import parser
from chronos_gitops.sync.status import BrokenLayer, HeldDeletions, Mode, Revision, SyncState, SyncStatus

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SYNCED = SyncStatus(SyncState.SYNCED, Mode.BRANCH, "repo", revision=Revision("c1", "c1", "c1"))


class World:
    """A feed with a status that is set by hand."""

    def __init__(self, path: Path) -> None:
        self.status = SYNCED
        self.events = EventLog(path)
        self.feed = EventRecorder(self.events, status=lambda: self.status, now=lambda: NOW)
        self._seen = self.events.last
        self.running = JobSet()

    def look(self, **changes: Any) -> list[tuple[str, str | None]]:
        self.status = replace(self.status, **changes)
        self.feed.look()
        return self.new()

    def hear(self, news: JobSet | AppliedJobs | Execution) -> list[tuple[str, str | None]]:
        if isinstance(news, JobSet):
            news, self.running = AppliedJobs(news, self.running, lambda _: ("jobs/_defaults.yaml",)), news
        self.feed.hear(news)
        return self.new()

    def new(self) -> list[tuple[str, str | None]]:
        found = self.events.after(self._seen)
        self._seen = self.events.last
        return [(event.type.value, event.job or event.commit) for _, event in found]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "events.jsonl")


def ended(status: Status, job: str = "a") -> Execution:
    return Execution("e1", job, NOW, Trigger.SCHEDULE, status, commit="c1", error="refused", status_code=None)


def test_a_replay_tells_of_its_end_and_of_no_failure(world: World) -> None:
    world.feed.execution_finished(replace(ended(Status.FAILED), trigger=Trigger.REPLAY, replay="r1"))
    world.feed.replay_ended(ReplayEnd("r1", "a", "ada", ReplayState.CANCELLED, begun=1, total=3))
    world.feed.start()
    world.feed.stop()
    assert world.new() == [("replay_ended", "a")]
    assert world.events.newest(1)[0][1].message == "replay r1 is cancelled, 1 of 3 items started"


def jobs(revision: str, **blobs: str) -> JobSet:
    def definition(name: str, blob: str) -> JobVersion:
        job = Job.from_document({"name": name, "schedule": "@daily", "webhook": {"url": "http://x.example"}})
        return JobVersion(job, f"jobs/{name}.yaml", DefinitionId(blob))

    return JobSet.of(revision, [definition(name, blob) for name, blob in blobs.items()])


def test_a_job_that_begins_to_fail_is_told_once_and_so_is_its_recovery(world: World) -> None:
    assert world.hear(ended(Status.SUCCESS)) == []
    assert world.hear(ended(Status.FAILED)) == [("job_failing", "a")]
    assert world.hear(ended(Status.FAILED)) == []
    assert world.hear(ended(Status.FAILED, "b")) == [("job_failing", "b")]
    assert world.hear(ended(Status.SUCCESS)) == [("job_recovered", "a")]
    assert world.hear(ended(Status.SUCCESS)) == []


def test_a_restart_does_not_tell_it_again(world: World, tmp_path: Path) -> None:
    world.hear(ended(Status.FAILED))
    world.hear(jobs("c1", a="1"))
    again = World(tmp_path / "events.jsonl")
    assert again.hear(ended(Status.FAILED)) == []
    assert again.hear(jobs("c1", a="1")) == []
    assert again.hear(jobs("c2", a="2")) == [("commit_applied", "c2")]
    assert again.hear(ended(Status.SUCCESS)) == [("job_recovered", "a")]


def test_the_first_commit_after_a_restart_names_what_it_changed(world: World, tmp_path: Path) -> None:
    before = jobs("c1", a="1", b="1", c="1")
    world.hear(before)
    again = World(tmp_path / "events.jsonl")
    assert again.hear(AppliedJobs(jobs("c2", a="1", b="2", d="1"), before)) == [("commit_applied", "c2")]
    ((_, event),) = again.events.newest(1)
    assert (event.added, event.changed, event.removed) == (("d",), ("b",), ("c",))


def test_an_applied_commit_names_its_jobs(world: World) -> None:
    world.hear(jobs("c1", a="1", b="1", c="1"))
    world.hear(jobs("c2", a="1", b="2", d="1"))
    (_, event), (_, first) = world.events.newest(2)
    assert (event.added, event.changed, event.removed) == (("d",), ("b",), ("c",))
    assert event.message == "1 added, 1 changed, 1 removed"
    assert first.added == ("a", "b", "c")
    world.new()
    assert world.hear(jobs("c3", a="1", b="2", d="1")) == [], "no job changed"


def test_a_commit_that_only_moves_files_is_applied_like_any_other(world: World) -> None:
    before = jobs("c1", a="1", b="1")
    world.hear(before)
    moved = [replace(definition, path=f"jobs/team/{definition.job.name}.yaml") for definition in before]
    assert world.hear(JobSet.of("c2", moved)) == [("commit_applied", "c2")]
    ((_, event),) = world.events.newest(1)
    assert (event.changed, event.message) == (("a", "b"), "0 added, 2 changed, 0 removed")


def test_a_saved_file_is_no_commit_until_it_is_committed(world: World) -> None:
    world.hear(jobs("c1", a="1", b="1"))
    after = jobs("c1", a="2", b="1")
    draft = replace(after.definitions["a"], draft=True, runs_draft=True, version=1)
    assert world.hear(JobSet.of("c1", [draft, after.definitions["b"]])) == [("drafts_applied", None)]
    ((_, event),) = world.events.newest(1)
    assert (event.changed, event.message) == (("a",), "0 added, 1 changed, 0 removed, not committed")
    committed = replace(after.definitions["a"], version=2, commit="c2")
    assert world.hear(JobSet.of("c2", [committed, after.definitions["b"]])) == [("commit_applied", "c2")]


def test_a_commit_is_not_blamed_for_what_is_saved_beside_it(world: World) -> None:
    world.hear(jobs("c1", a="1", b="1", c="1"))
    after = jobs("c2", a="2", b="2", c="1", d="1")
    saved = [replace(after.definitions[name], draft=True, runs_draft=True) for name in "ad"]
    assert world.hear(JobSet.of("c2", [*saved, after.definitions["b"], after.definitions["c"]])) == [
        ("commit_applied", "c2"),
        ("drafts_applied", None),
    ]
    (_, drafts), (_, commit) = world.events.newest(2)
    assert (commit.added, commit.changed, commit.removed) == ((), ("b",), ())
    assert (drafts.added, drafts.changed, drafts.removed) == (("d",), ("a",), ())


def test_a_commit_is_not_blamed_for_a_draft_that_is_discarded_beside_it(world: World) -> None:
    before = jobs("c1", a="2", b="1")
    draft = replace(before.definitions["a"], draft=True, runs_draft=True, commit="c1")
    world.hear(JobSet.of("c1", [draft, before.definitions["b"]]))
    after = jobs("c2", a="1", b="2")
    discarded = replace(after.definitions["a"], commit="c1")
    changed = replace(after.definitions["b"], commit="c2")
    assert world.hear(JobSet.of("c2", [discarded, changed])) == [("commit_applied", "c2"), ("drafts_applied", None)]
    (_, drafts), (_, commit) = world.events.newest(2)
    assert (commit.changed, drafts.changed) == (("b",), ("a",))


def test_a_file_that_is_deleted_on_disk_is_no_commit(world: World) -> None:
    world.hear(jobs("c1", a="1", b="1"))
    assert world.hear(jobs("c1", a="1")) == [("drafts_applied", None)]
    ((_, event),) = world.events.newest(1)
    assert event.removed == ("b",)


def test_a_refused_commit_and_a_lost_remote_are_told_apart(world: World) -> None:
    assert world.look() == []
    broken = {"state": SyncState.FAILED, "revision": Revision("c2", "c2", "c1")}
    assert world.look(reason="ValidationFailed", message="1 invalid", **broken) == [("commit_refused", "c2")]
    assert world.look() == []
    assert world.look(revision=Revision("c3", "c3", "c1")) == [("commit_refused", "c3")], "another one"
    mended = Revision("c4", "c4", "c4")
    assert world.look(state=SyncState.SYNCED, reason=None, revision=mended) == [("sync_recovered", "c4")]
    assert world.look(state=SyncState.FAILED, reason="Unreachable", message="") == [("sync_failed", None)]
    assert world.events.newest(1)[0][1].message == "Unreachable: "


def test_a_runner_that_starts_tells_nothing_yet(world: World) -> None:
    assert world.look(state=SyncState.STARTING, quarantined=("a",)) == []


def test_quarantine_is_told_when_it_begins_and_ends(world: World) -> None:
    assert world.look(quarantined=("a", "b")) == [("job_quarantined", "a"), ("job_quarantined", "b")]
    assert world.look(quarantined=("b",)) == [("job_released", "a")]


def test_quarantine_says_whether_a_last_good_version_runs(world: World) -> None:
    world.look(quarantined=("new", "old"), not_running=("new",))
    (_, old), (_, new) = world.events.newest(2)
    assert (old.job, old.message) == ("old", "its file is invalid; the last good version keeps running")
    assert (new.job, "it does not run" in new.message) == ("new", True)


def test_commit_that_edits_a_calendar_alone_is_told(world: World) -> None:
    def following(revision: str, entry: str, commit: str | None) -> JobSet:
        calendar = parser.parse("fr", {"closed": [entry]})
        file = CalendarFile("fr", "jobs/_calendars/fr.yaml", entry, calendar, commit=commit)
        return replace(jobs(revision, a="1"), calendars=CalendarSet.in_force({"fr": file}))

    def messages(news: JobSet) -> list[tuple[str, str]]:
        seen = world.events.last
        world.hear(news)
        return [(event.type.value, event.message) for _, event in world.events.after(seen)]

    assert messages(following("c1", "12-25", "c1")) == [
        ("commit_applied", "1 added, 0 changed, 0 removed; calendar fr")
    ]
    assert messages(following("c2", "12-26", "c2")) == [
        ("commit_applied", "0 added, 0 changed, 0 removed; calendar fr")
    ]
    assert messages(following("c3", "12-26", "c2")) == []
    drafts = [("drafts_applied", "0 added, 0 changed, 0 removed, not committed; calendar fr")]
    assert messages(following("c3", "12-27", None)) == drafts


def test_broken_layer_is_one_event_and_so_is_its_repair(world: World) -> None:
    names = tuple(f"job-{number:02}" for number in range(12))
    layer = BrokenLayer("jobs/_defaults.yaml", names)
    told = {"quarantined": (*names, "own"), "not_running": names[:2], "broken_layers": (layer,)}
    assert world.look(**told) == [("layer_quarantined", "c1"), ("job_quarantined", "own")]
    (_, event), _ = reversed(world.events.newest(2))
    assert event.layers == (LayerReach("jobs/_defaults.yaml", 12, names),)
    assert event.document()["layers"] == [{"file": "jobs/_defaults.yaml", "jobs": 12, "job_names": list(names[:10])}]
    assert event.message == (
        "jobs/_defaults.yaml is invalid; 12 jobs keep running the last good version; "
        "2 of them do not run, because no version is valid yet"
    )
    assert world.look(quarantined=(*names, "own", "p"), broken_layers=(layer,)) == [("job_quarantined", "p")]
    assert world.look(quarantined=("own", "p"), broken_layers=()) == [("layer_released", "c1")]


def test_broken_calendar_is_a_file_and_no_job(world: World) -> None:
    path = "jobs/_calendars/fr.yaml"
    told = {"quarantined": (path, "own"), "other_kinds": {path: FileRole.CALENDAR}}
    assert world.look(**told) == [("file_quarantined", "c1"), ("job_quarantined", "own")]
    assert [event.message for _, event in world.events.newest(2)][-1] == (
        f"{path} is invalid; its last good content stays in force"
    )
    assert world.look(quarantined=("own",), other_kinds={}) == [("file_released", "c1")]


def test_edit_of_a_layer_names_the_layer_and_counts_its_jobs(world: World, tmp_path: Path) -> None:
    """Not the jobs whose own file changed; and it is read again after a restart."""
    before = jobs("c1", a="1", b="1", c="1")
    world.hear(before)
    edited = [replace(one, identity=DefinitionId("1", "other"), commit="c2") for one in before if one.job.name != "c"]
    own = replace(before.definitions["c"], identity=DefinitionId("2", "other"), commit="c2")
    assert world.hear(JobSet.of("c2", [*edited, own])) == [("commit_applied", "c2")]
    ((_, event),) = EventLog(tmp_path / "events.jsonl").newest(1)
    assert event.message == "0 added, 3 changed, 0 removed; jobs/_defaults.yaml changed 2 jobs"
    assert (event.changed, event.layers) == (("a", "b", "c"), (LayerReach("jobs/_defaults.yaml", 2, ("a", "b")),))


def test_held_deletions_are_told(world: World) -> None:
    held = HeldDeletions(("a", "b", "c", "d"), "sha256:x")
    assert world.look(held=held) == [("deletions_held", None)]
    assert world.look() == []


def test_its_thread_tells_what_came_before_it_stops(world: World) -> None:
    world.feed.start()
    world.feed.execution_finished(ended(Status.FAILED))
    world.feed.execution_finished(ended(Status.SKIPPED))
    world.feed.stop()
    assert world.new() == [("job_failing", "a")]


def test_what_it_cannot_tell_is_not_its_end(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.feed.start()
    world.feed.jobs_changed("no jobs")  # type: ignore[arg-type]  # what nobody thought of
    world.feed.execution_finished(ended(Status.FAILED))
    world.feed.stop()
    assert world.new() == [("job_failing", "a")]
    assert "event_failed" in caplog.text
