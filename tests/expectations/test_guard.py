"""A new version that only fails is stopped: the judgement, and the stories of PROMISES section 3 over a real ledger."""

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from harness.engine_harness import NOON, eventually
from harness.engines import on_sqlite
from harness.machine.seeds import seeded
from harness.notification_fixtures import Story, channel

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.model import Execution, ExecutionQuery, Status, Trigger
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.expectations.guard import GuardVerdict, judge, reason
from chronos_gitops.expectations.guard_watch import GuardWatch
from chronos_gitops.expectations.watch import ExpectationWatch
from chronos_gitops.notifications.detection.detector import DetectorInputs
from chronos_gitops.notifications.detection.guard_notice import GuardNotices
from chronos_gitops.process import failpoints

HOUR = timedelta(hours=1)


def rows(story: str) -> list[Execution]:
    """``v6 S F, v7 F``: versions with their outcomes in the order of their ends; m failed by hand, d was a draft."""
    found: list[Execution] = []
    for part in story.split(", "):
        version, *outcomes = part.split()
        for letter in outcomes:
            at = NOON + len(found) * HOUR
            status = Status.SUCCESS if letter == "S" else Status.FAILED
            trigger = Trigger.MANUAL if letter == "m" else Trigger.SCHEDULE
            is_draft = letter == "d"
            commit = None if is_draft else version
            made = Execution(f"{len(found)}", "a", at, trigger, status, version=int(version[1:]), commit=commit)
            found.append(Execution(**{**_fields(made), "completed_at": at, "draft": is_draft}))
    return found


def _fields(one: Execution) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__slots__}


@pytest.mark.parametrize(
    ("story", "verdict"),
    [
        ("v6 S, v7 F F", GuardVerdict.WAITING),
        ("v6 S, v7 F F F", GuardVerdict.FAILED),
        ("v7 F F F", GuardVerdict.FAILED),
        ("v6 S, v7 F S F F F", GuardVerdict.PASSED),
        ("v6 S F, v7 F F F", GuardVerdict.PASSED),
        ("v5 S, v6 S F F, v7 F F F", GuardVerdict.PASSED),
        ("v6 S, v5 F F F, v7 F F F", GuardVerdict.FAILED),
        ("v6 S, v7 F m F", GuardVerdict.WAITING),
        ("v6 S, v7 F d F", GuardVerdict.WAITING),
        ("v6 S, v7 F F F S", GuardVerdict.FAILED),
    ],
)
def test_judgement_by_the_first_outcomes_of_a_version(story: str, verdict: GuardVerdict) -> None:
    judged = judge(reversed(rows(story)), {"v7"}, 3)
    assert judged.verdict is verdict
    assert [row.commit for row in judged.failures] == (["v7"] * 3 if verdict is GuardVerdict.FAILED else [])


def test_the_reason_names_both_versions() -> None:
    judged = judge(rows("v6 S, v7 F F F"), {"v7"}, 3)
    assert reason(7, "1a2b3c4d5e", judged) == "version 7 (1a2b3c4d) failed its first 3 runs; version 6 had succeeded"
    judged = judge(rows("v7 F"), {"v7"}, 1)
    assert reason(7, "1a2b3c4d5e", judged) == "version 7 (1a2b3c4d) failed its first run"


class Guarded(Story):
    """An hourly job from 10:20 on; ``hour`` lets the next tick run and the guard look."""

    def start(self, *, most: int = 1000) -> None:
        super().start(most=most)
        self.notices = GuardNotices(self.channels)
        self.notices.open(
            DetectorInputs(self.engine, self.following, self.now, "https://chronos"),  # type: ignore[arg-type]  # it answers what is asked
            self.desk,
        )
        assert isinstance(self.engine, SqlEngine)
        beside = nullcontext(self.engine.store)
        guard = GuardWatch((self.notices.stopped,))
        self.guarding = ExpectationWatch((), lambda _: beside, guard=guard)
        self.guarding.open(self.engine, self.following.jobs, self.now)

    def version(self, path: str, **fields: object) -> None:
        self.edit(path, schedule="0 * * * *", guard={"executions": 3}, **fields)
        self.guarding.round()

    def hour(self, times: int = 1) -> None:
        for _ in range(times):
            now = self.clock.now()
            following = (now + HOUR).replace(minute=0, second=0, microsecond=0)
            before = len(self.seen.ended)
            self.clock.turn(following - now)
            if self.engine.pauses().get("daily-backup") is None:
                self.seen.wait_until(lambda before=before: len(self.seen.ended) > before)
            self.clock.turn(timedelta(minutes=20))
            self.guarding.round()

    @property
    def paused_by(self) -> str | None:
        pause = self.engine.pauses().get("daily-backup")
        return None if pause is None else pause.by

    def rows(self) -> list[tuple[str, str | None, int, datetime]]:
        found = reversed(self.engine.executions(ExecutionQuery(job="daily-backup")))
        return [(row.status.value, row.reason, row.count, row.scheduled_time) for row in found]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def story(data_folder: Path, receiver: Receiver) -> Iterator[Guarded]:
    made = Guarded(on_sqlite(data_folder / "ledger.db"), receiver, channel())
    yield made
    failpoints.arm("")
    made.close()


def test_third_failure_pauses_and_an_edit_gives_up_what_fell_in_the_pause(story: Guarded) -> None:
    story.version("/ok")
    story.hour()
    story.version("/status/503")
    story.hour(2)
    assert story.paused_by is None
    story.hour()
    pause = story.engine.pauses()["daily-backup"]
    assert (pause.by, pause.until, pause.version) == ("guard", None, 2)
    commit = story.following.versions["daily-backup"][1].commit
    assert pause.reason == f"version 2 ({commit[:8]}) failed its first 3 runs; version 1 had succeeded"
    [(_, letter)] = story.letters()
    assert (letter.type, letter.title) == ("job.paused", "daily-backup is paused: a new version only fails")
    assert "Go back: chronos-gitops rollback daily-backup 1" in letter.lines
    errors = [line for line in letter.lines if line.startswith("Error")]
    assert errors == ["Error, 3 times: the target responded with 503 Service Unavailable"]
    before = len(story.rows())
    story.hour(2)
    assert len(story.rows()) == before
    story.version("/ok", missed_run_policy="execute_all", catchup_window="24h")
    assert story.paused_by is None
    [missed] = story.rows()[before:]
    assert missed[:3] == ("skipped", "missed", 2)
    story.hour()
    assert [row[0] for row in story.rows()[before:]] == ["skipped", "success"]
    assert story.letters() == []


def test_a_bad_repair_is_stopped_too(story: Guarded) -> None:
    story.version("/ok")
    story.hour()
    for path in ("/status/503", "/status/500"):
        story.version(path)
        assert story.paused_by is None
        story.hour(3)
        assert story.paused_by == "guard"
        assert [letter.type for _, letter in story.letters()] == ["job.paused"]


def test_a_commit_that_leaves_the_job_as_it_was_is_no_version(story: Guarded) -> None:
    story.version("/ok")
    story.hour()
    story.version("/status/503")
    story.hour(2)
    story.version("/status/503")
    story.hour()
    assert story.paused_by == "guard"
    story.version("/status/503")
    assert story.paused_by == "guard"


def test_pauses_of_an_operator_and_of_the_guard_stand_beside_each_other(story: Guarded) -> None:
    story.version("/status/503")
    story.hour(3)
    assert story.paused_by == "guard"
    until = story.now() + 2 * HOUR
    story.engine.pause("daily-backup", reason="moving", by="ada", until=until)
    assert story.paused_by == "ada"
    story.hour(3)
    assert story.paused_by == "guard"
    story.restart()
    assert story.paused_by == "guard"
    story.engine.pause("daily-backup", reason="moving", by="ada")
    story.version("/ok")
    assert story.paused_by == "ada"
    story.engine.resume("daily-backup")
    assert story.paused_by is None


def test_resume_ends_both_and_the_version_is_not_judged_again(story: Guarded) -> None:
    story.version("/status/503")
    story.hour(3)
    story.engine.pause("daily-backup", reason="moving", by="ada")
    story.engine.resume("daily-backup")
    assert story.paused_by is None
    story.hour(4)
    assert story.paused_by is None
    assert [letter.type for _, letter in story.letters()] == ["job.paused"]


@pytest.mark.parametrize("point", ["after-guard-decision", "after-guard-pause", "before-notice"])
def test_a_crash_at_any_step_pauses_and_tells_once(story: Guarded, point: str) -> None:
    story.version("/ok")
    story.hour()
    story.version("/status/503")
    story.hour(2)
    failpoints.arm(f"{point}:fail")
    if point == "before-notice":
        story.hour()
    else:
        with pytest.raises(failpoints.Failed):
            story.hour()
    failpoints.arm("")
    for _ in range(2):
        story.restart()
        story.guarding.round()
        assert story.paused_by == "guard"
    assert [letter.type for _, letter in story.letters()] == ["job.paused"]
    ended = story.engine.pauses_of("daily-backup", NOON - 100 * HOUR)
    assert [one.by for one in ended] == ["guard"]


@pytest.mark.parametrize("ahead", [timedelta(hours=8), timedelta(days=365)], ids=["8 hours", "a year"])
def test_a_failure_while_the_clock_was_ahead_does_not_count(story: Guarded, ahead: timedelta) -> None:
    """Rows of times to come count as absent; the version is stopped by three failures that remain."""
    story.version("/ok")
    story.hour()
    story.version("/status/503", missed_run_policy="ignore")  # whether a catch-up runs depends on who looks first
    story.hour()
    story.clock.step(ahead)
    story.hour()
    story.clock.step(-ahead)
    story.hour()
    assert story.paused_by is None
    story.hour()
    assert story.paused_by == "guard"
    assert [letter.type for _, letter in story.letters()] == ["job.paused"]
    story.restart()
    story.guarding.round()
    assert (story.paused_by, story.letters()) == ("guard", [])


@pytest.mark.parametrize("ahead", [timedelta(hours=8), timedelta(days=365)], ids=["8 hours", "a year"])
def test_a_version_that_was_stopped_while_the_clock_was_ahead_stays_stopped(story: Guarded, ahead: timedelta) -> None:
    story.version("/ok")
    story.hour()
    story.version("/status/503")
    story.hour(2)
    story.clock.step(ahead)
    story.hour()
    assert story.paused_by == "guard"
    story.clock.step(-ahead)
    for _ in range(2):
        story.hour()
        story.restart()
        story.guarding.round()
        assert story.paused_by == "guard"
    assert [letter.type for _, letter in story.letters()] == ["job.paused"]
    story.engine.resume("daily-backup")
    assert story.paused_by is None
    story.hour(2)
    assert (story.paused_by, story.letters()) == (None, [])


def test_what_waits_is_cancelled_and_what_was_triggered_is_not(story: Guarded) -> None:
    story.version("/status/503")
    story.hour(2)
    pause = story.engine.pauses()
    assert pause == {}
    story.edit("/hold/answer", schedule="0 * * * *", concurrency="queue", guard={"executions": 3})
    running = story.engine.trigger("daily-backup")
    story.clock.turn(2 * HOUR)
    manual = story.engine.trigger("daily-backup")
    eventually(lambda: len(story.engine.running("daily-backup")) == 4)
    [definition] = story.following.jobs()
    from chronos_gitops.engine.model import Pause

    made = Pause("daily-backup", "only fails", "guard", story.now(), version=3, content=definition.job.digest)
    assert story.engine.stop_version(made)
    left = {row.id: row for row in story.engine.running("daily-backup")}
    assert set(left) == {running.id, manual.id}
    cancelled = [row for row in story.rows() if row[0] == "cancelled"]
    assert [row[1] for row in cancelled] == ["guard", "guard"]


def stops(story: list[tuple[str, str]], version: str, executions: int) -> GuardVerdict:
    """The model: (version, outcome) in the order of their ends; m and d are no outcomes."""
    counted = [(of, letter) for of, letter in story if letter in "SF"]
    first = "".join(letter for of, letter in counted if of == version)[:executions]
    if "S" in first:
        return GuardVerdict.PASSED
    if len(first) < executions:
        return GuardVerdict.WAITING
    others = [one for one in counted if one[0] != version]
    while others and others[-1][1] == "F":
        if (others[-1][0], "S") == next(((of, "S") for of, letter in reversed(others) if letter == "S"), None):
            return GuardVerdict.PASSED
        others.pop()
    return GuardVerdict.FAILED


@pytest.mark.parametrize("case", range(200))
def test_the_judgement_is_that_of_a_model(case: int) -> None:
    judged_at_random(case, 5)


def judged_at_random(case: int, looks: int) -> set[GuardVerdict]:
    random = seeded(case)
    seen = set()
    for _ in range(looks):
        story = [(f"v{random.randint(1, 4)}", random.choice("SFFFFmd")) for _ in range(random.randrange(16))]
        made = rows(", ".join(" ".join(one) for one in story)) if story else []
        version, executions = f"v{random.randint(1, 4)}", random.randint(1, 4)
        found = judge(random.sample(made, len(made)), {version}, executions).verdict
        assert found is stops(story, version, executions), story
        seen.add(found)
    return seen


def test_the_model_sees_every_judgement() -> None:
    assert set().union(*(judged_at_random(case, 5) for case in range(30))) == set(GuardVerdict) - {GuardVerdict.STOPPED}


class GuardModel:
    """PROMISES section 3 in a few lines: outcomes by commit, who pauses, and how often somebody is told."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, str]] = []
        self.commits: set[str] = set()
        self.contents: list[str] = []
        self.is_judged = self.is_stopped = self.is_draft = False
        self.operator = False
        self.told = 0

    @property
    def paused_by(self) -> str | None:
        return "ada" if self.operator else "guard" if self.is_stopped else None

    def committed(self, commit: str, content: str) -> None:
        if self.contents and self.contents[-1] == content:
            self.commits.add(commit)
        else:
            self.commits, self.is_judged = {commit}, False
        if self.is_draft or not self.contents or self.contents[-1] != content:
            self.is_stopped = False
        self.contents.append(content)
        self.is_draft = False

    def ran(self, commit: str, letter: str) -> None:
        if not self.is_draft:
            self.outcomes.append((commit, letter))

    def look(self) -> None:
        if self.is_draft or self.is_judged:
            return
        version = [("now" if of in self.commits else of, letter) for of, letter in self.outcomes]
        verdict = stops(version, "now", 3)
        self.is_judged = verdict is not GuardVerdict.WAITING
        if verdict is GuardVerdict.FAILED:
            self.is_stopped, self.told = True, self.told + 1


def walk(story: Guarded, case: int, steps: int) -> set[str]:
    """Edits, the same content again, rollbacks, drafts, hours, manual runs, pauses, resumes and restarts."""
    random, model = seeded(case), GuardModel()
    taken = set()
    actions = ["edit", "again", "back", "draft", "manual", "pause", "resume", "restart", *["hour"] * 6]
    for step in range(steps):
        action = random.choice(actions) if model.contents else "edit"
        taken.add(action)
        if action in ("edit", "again", "back"):
            fresh = f"{random.choice(['/ok', '/status/503', '/status/500'])}?step={step}"
            content = fresh if action == "edit" else model.contents[-1]
            if action == "back":
                content = random.choice(model.contents)
            story.version(content, missed_run_policy="ignore")
            commit = story.following.versions["daily-backup"][-1].commit
            model.committed(commit, content)
        elif action == "draft":
            content = f"{random.choice(['/ok', '/status/503'])}?draft={step}"
            story.save(content, schedule="0 * * * *", guard={"executions": 3}, missed_run_policy="ignore")
            model.is_draft, model.is_stopped = True, False
        elif action == "hour":
            if model.paused_by is None:
                model.ran(commit, "S" if content.startswith("/ok") else "F")
            story.hour()
        elif action == "manual":
            story.run()
        elif action == "pause":
            story.engine.pause("daily-backup", reason="moving", by="ada")
            model.operator = True
        elif action == "resume" and model.paused_by:
            story.engine.resume("daily-backup")
            model.operator = model.is_stopped = False
        elif action == "restart":
            story.restart()
        story.guarding.round()
        model.look()
        assert story.paused_by == model.paused_by, (step, action, model.outcomes)
    assert [letter.type for _, letter in story.letters()].count("job.paused") == model.told
    return taken | ({"stopped"} if model.told else set())


@pytest.mark.parametrize("case", range(4))
def test_random_hours_are_paused_as_a_model_says(story: Guarded, case: int) -> None:
    walk(story, case, 20)


@pytest.mark.full  # some minutes
@pytest.mark.timeout(1800)
def test_ten_thousand_steps_are_paused_as_a_model_says(tmp_path: Path, receiver: Receiver) -> None:
    seen = set()
    for case in range(250):
        story = Guarded(on_sqlite(tmp_path / f"{case}.db"), receiver, channel())
        seen |= walk(story, 1000 + case, 40)
        story.close()
    assert seen == {"edit", "again", "back", "draft", "hour", "manual", "pause", "resume", "restart", "stopped"}
