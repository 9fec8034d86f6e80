"""Every message about something that lasts says what, since when, why, and what to do: one command and one link."""

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chronos_gitops.engine.model import Execution, Status, Trigger
from chronos_gitops.expectations.guard_watch import GuardRecord
from chronos_gitops.expectations.judging.state import Expectation, ExpectationState
from chronos_gitops.expectations.other_changes import OtherChange, Watched
from chronos_gitops.expectations.preflight.records import PreflightFailure
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.expect import ExpectationKind
from chronos_gitops.notifications import message
from chronos_gitops.notifications.incidents import ChangeKind, Incident, IncidentChange
from chronos_gitops.notifications.message import Author, Notification, Past, Trouble
from chronos_gitops.notifications.messages.action import after_failure
from chronos_gitops.notifications.messages.expectation import of_expectation
from chronos_gitops.notifications.messages.guard import of_guard
from chronos_gitops.notifications.messages.preflight import of_preflight
from chronos_gitops.versions.version import Version, VersionChange
from chronos_gitops.webhooks.preflight.checks import PreflightCheck

NOW = datetime(2026, 3, 8, 7, tzinfo=UTC)
URL = "https://chronos.example.com"
JOB = Job.from_document({"name": "daily-backup", "schedule": "@daily", "webhook": {"url": "http://127.0.0.1:9/"}})
COMMIT = "1a2b3c4d" * 5
LASTS = (ChangeKind.FAILING, ChangeKind.STILL_FAILING)


def run(status: Status, version: int | None = 3, *, draft: bool = False) -> Execution:
    at = NOW - timedelta(hours=1 if status is Status.FAILED else 25)
    base = (version, COMMIT) if draft else (None, None)
    return Execution(
        f"0f8fad5b-d9cb-469f-a165-7086772895{version or 0:02}",
        JOB.name,
        at,
        Trigger.SCHEDULE,
        status,
        attempts=1,
        started_at=at,
        completed_at=at,
        version=None if draft else version,
        commit=None if draft else COMMIT,
        draft=draft,
        base_version=base[0],
        base_commit=base[1],
    )


GOOD, BAD, DRAFT = run(Status.SUCCESS), run(Status.FAILED, 4), run(Status.FAILED, 3, draft=True)
VERSION = Version(
    4,
    JOB.name,
    COMMIT,
    COMMIT,
    "jobs/daily-backup.yaml",
    VersionChange.CHANGED,
    "Ada",
    "a@example.com",
    NOW,
    "Move",
    "",
)
SECRET = OtherChange(Watched.SECRET, "backup-token", None, None, NOW)
OLDER = replace(VERSION, position=3)
PASTS = {
    "a commit": (
        Past(GOOD, (VERSION,), good_version=OLDER),
        BAD,
        "1 commit changed the job since then: 1a2b3c4d by Ada",
    ),
    "a draft": (Past(GOOD, (), is_draft=True), DRAFT, "It ran a draft, changed since version 3."),
    "a secret": (Past(GOOD, (), others=(SECRET,), good_version=OLDER), BAD, "the secret backup-token changed"),
    "nothing": (Past(GOOD, (), others=(), good_version=OLDER), BAD, "nothing else that is watched changed"),
    "a rewritten history": (
        Past(GOOD, (VERSION,)),
        BAD,
        "1a2b3c4d, which is not in the known history\nIt runs version 4",
    ),
    "no success": (Past(None, (VERSION,)), BAD, "It runs version 4"),
    "no execution": (Past(GOOD, (), good_version=OLDER), None, "No commit changed the job since then"),
}


def change(news: ChangeKind, about: Execution | None) -> IncidentChange:
    incident = Incident("1", "first", NOW - timedelta(hours=2), 3, 1, NOW)
    return IncidentChange("2", news, incident, about, ("fault",))


def failing(news: ChangeKind, past: Past, about: Execution | None) -> Notification:
    action = after_failure(JOB.name, about, past)
    return message.of_job(change(news, about), JOB, past, action, public_url=URL, now=NOW)


def expecting(kind: ExpectationKind) -> Callable[[ChangeKind, Past, Execution | None], Notification]:
    def made(news: ChangeKind, past: Past, about: Execution | None) -> Notification:
        execution = None if about is None else about.id
        one = Expectation(kind, "26h", ExpectationState.BROKEN, NOW, NOW, "1s", execution)
        return of_expectation(change(news, about), JOB, one, past, URL, NOW)

    return made


def preflight(news: ChangeKind, past: Past, about: Execution | None) -> Notification:
    since = NOW - timedelta(hours=2)
    failure = PreflightFailure(PreflightCheck.CONNECT, "no connection", "h", NOW + timedelta(hours=9), since, NOW)
    return of_preflight(change(news, None), JOB, failure, past, URL, NOW)


def guarded(news: ChangeKind, past: Past, about: Execution | None) -> Notification:
    record = GuardRecord("d", (COMMIT,), 4, reason="version 4 (1a2b3c4d) failed its first 3 runs")
    return of_guard(change(news, None), JOB, record, [about or BAD] * 3, past, URL, NOW)


JOB_KINDS = {"job": failing, "preflight": preflight} | {kind.value: expecting(kind) for kind in ExpectationKind}


def check(letter: Notification, why: str) -> None:
    text = "\n".join(letter.lines)
    assert letter.title.strip()
    assert re.match(r"Since: 2026-03-0[78] \d\d:\d\d:\d\d UTC", letter.lines[0])
    assert why in text
    assert [line for line in letter.lines if "chronos-gitops " in line] == [letter.lines[-1]]
    assert re.match(r"[A-Z][a-z ]+: chronos-gitops [a-z]+", letter.lines[-1])
    assert len(letter.links) == 1
    assert letter.links[0][1].startswith(URL)
    assert letter.type.endswith(("failing", "paused"))


@pytest.mark.parametrize(
    ("kind", "news", "past"), [*itertools.product(JOB_KINDS, LASTS, PASTS)], ids=lambda value: str(value)
)
def test_of_a_job(kind: str, news: ChangeKind, past: str) -> None:
    known, about, why = PASTS[past]
    if kind == "preflight":
        why = {"a draft": "changes that were not committed", "a secret": "No commit", "nothing": "No commit"}.get(
            past, why
        )
        known = replace(known, others=None)
    check(JOB_KINDS[kind](news, known, about), why)


@pytest.mark.parametrize("past", ["a commit", "a secret", "nothing", "no success"])
def test_of_a_version_that_the_guard_has_stopped(past: str) -> None:
    known, _, why = PASTS[past]
    letter = guarded(ChangeKind.FAILING, known, BAD)
    check(letter, why)
    expected = "chronos-gitops rollback daily-backup 3" if known.good else "chronos-gitops resume daily-backup"
    assert letter.lines[-1].endswith(expected)


@pytest.mark.parametrize("made", [*JOB_KINDS.values(), guarded])
def test_every_message_about_a_job_has_the_facts_of_a_job(
    made: Callable[[ChangeKind, Past, Execution | None], Notification],
) -> None:
    known = Past(GOOD, (VERSION,) * 7, others=(SECRET,), good_version=OLDER)
    letter = made(ChangeKind.FAILING, known, BAD)
    assert letter.data is not None
    expected = message.job_data(JOB, known, tuple(letter.data["links"].items()))
    assert {key: letter.data.get(key) for key in expected} == expected
    assert (len(expected["changes"]), expected["changes_total"], len(expected["changed"])) == (5, 7, 1)


@pytest.mark.parametrize("made", [*JOB_KINDS.values(), guarded])
def test_no_message_recommends_a_rollback_of_a_file_with_changes_that_were_not_committed(
    made: Callable[[ChangeKind, Past, Execution | None], Notification],
) -> None:
    letter = made(ChangeKind.FAILING, Past(GOOD, (VERSION,), is_draft=True, good_version=OLDER), BAD)
    assert "The file has changes that were not committed." in letter.lines
    assert "rollback" not in "".join(letter.lines)


@pytest.mark.parametrize(("topic", "news"), [*itertools.product(message.SYNC_TOPICS, LASTS)])
def test_of_git(topic: str, news: ChangeKind) -> None:
    author = Author(COMMIT, "Ada", "a@example.com", NOW, "Move")
    trouble = Trouble(topic, "Reason", ("Reason: it is away",), (), (author,), "See more: chronos-gitops status")
    letter = message.of_sync(change(news, None), trouble, repository="r", branch="main", public_url=URL, now=NOW)
    check(letter, "Commit 1a2b3c4d by Ada")


@pytest.mark.parametrize("kind", [*JOB_KINDS])
def test_recovery_says_since_when_it_lasted(kind: str) -> None:
    letter = JOB_KINDS[kind](ChangeKind.RECOVERED, Past(), GOOD)
    assert re.search(r"since 2026-03-0[78] \d\d:\d\d:\d\d UTC", "\n".join(letter.lines))
    assert len(letter.links) == 1


def test_the_command_follows_from_the_cause() -> None:
    for past, command in (
        ("a commit", "rollback daily-backup 3"),
        ("a draft", f"executions --id {DRAFT.id}"),
        ("a secret", f"executions --id {BAD.id}"),
        ("no success", f"executions --id {BAD.id}"),
        ("no execution", "executions daily-backup"),
    ):
        known, about, _ = PASTS[past]
        assert after_failure(JOB.name, about, known).endswith(f"chronos-gitops {command}")


def test_the_how_to_names_every_type() -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/notify.md").read_text()
    for prefix in ("job", "sync", "expectation", "preflight"):
        assert f"`{prefix}." in page


def test_no_command_goes_back_to_a_number_of_a_history_that_was_rewritten() -> None:
    """The row says version 3; what is version 3 now is another content."""
    known = Past(GOOD, (VERSION,), good_version=replace(VERSION, position=9))
    assert after_failure(JOB.name, BAD, known) == "Go back: chronos-gitops rollback daily-backup 9"
    assert "rollback" not in after_failure(JOB.name, BAD, Past(GOOD, (VERSION,)))


def test_the_cause_in_short_has_the_words_of_the_message() -> None:
    newest = replace(VERSION, position=5)
    cases = {name: (past, about) for name, (past, about, _) in PASTS.items() if about is not None}
    for past, about in cases.values():
        lines = [line.rstrip(".") for line in message.cause(past, about)]
        assert message.cause_in_short(past, about) == f"{'. '.join(lines)}."
    many = message.cause_in_short(Past(GOOD, (VERSION, newest), good_version=OLDER), BAD)
    assert "2 commits changed the job since then, the newest: 1a2b3c4d by Ada" in many
    assert many.endswith("Move (version 5).")
