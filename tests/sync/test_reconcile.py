"""Decisions about a new tree, as values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest
from harness.repositories.repository import job_text

from chronos_gitops.git.commit import Person, clean
from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.jobs.validation.validate import TreeEntry, TreeResult, git_blob_id, validate_tree
from chronos_gitops.rollback.commit_message import rollback_message
from chronos_gitops.sync.content.definitions import DesiredState
from chronos_gitops.sync.persistence.last_good import LastGood
from chronos_gitops.sync.reconcile import (
    DeletionApproval,
    SyncDecision,
    allowed_deletions,
    reconcile,
    status_of,
)
from chronos_gitops.sync.status import Mode, OnInvalid, SyncState, SyncStatus
from chronos_gitops.versions.history import Index

BROKEN = "name: {name}\nschedule: never\n"


class Texts:
    """Files in memory."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = {path: text.encode() for path, text in texts.items()}
        self.entries: Sequence[TreeEntry] = tuple(
            TreeEntry(path, git_blob_id(content), len(content)) for path, content in sorted(self._texts.items())
        )

    def place(self, path: str) -> str:
        return path.removeprefix("jobs/")

    def read(self, entries: Sequence[TreeEntry]) -> Mapping[str, bytes]:
        return {entry.path: self._texts[entry.path] for entry in entries}


def tree(texts: Mapping[str, str], *, committed: bool = True) -> DesiredState:
    files = Texts(texts)
    loaded: TreeResult = validate_tree(files)
    blobs = {entry.path: entry.blob for entry in files.entries} if committed else {}
    return DesiredState("f" * 40, loaded, Index("f" * 40), MappingProxyType(blobs))


def files(*names: str) -> dict[str, str]:
    return {f"jobs/{name}.yaml": job_text(name) for name in names}


def running(*names: str) -> JobSet:
    return reconcile(tree(files(*names)), JobSet()).jobs


def names(settlement: SyncDecision) -> list[str]:
    return list(settlement.jobs.definitions)


@pytest.mark.parametrize(
    ("before", "after", "held"),
    [
        (3, 0, 3),  # an empty tree is always held
        (4, 1, 0),
        (5, 1, 4),
        (10, 7, 0),
        (10, 6, 4),
        (20, 14, 0),
        (20, 13, 7),
    ],
)
def test_deletions_are_held_beyond_three_and_beyond_thirty_percent(before: int, after: int, held: int) -> None:
    jobs = [f"job-{number:02}" for number in range(before)]
    settlement = reconcile(tree(files(*jobs[:after])), running(*jobs))
    assert len(settlement.held.names if settlement.held else ()) == held
    assert len(settlement.jobs) == (before if held else after)


def test_consent_is_for_exactly_these() -> None:
    jobs = [f"job-{number}" for number in range(6)]
    now = running(*jobs)
    left = tree(files("job-0"))
    held = reconcile(left, now).held
    assert held is not None
    assert names(reconcile(left, now, consent=DeletionApproval(checksum=held.checksum))) == ["job-0"]
    assert names(reconcile(left, now, consent=DeletionApproval(count=5))) == ["job-0"]
    for consent in (DeletionApproval(count=4), DeletionApproval(count=6), DeletionApproval(checksum="sha256:0")):
        assert names(reconcile(left, now, consent=consent)) == jobs


def test_a_broken_file_counts_for_the_job_it_names_and_for_the_job_that_stood_there() -> None:
    now = running("one", "two")
    renamed = {"jobs/one.yaml": BROKEN.format(name="uno"), "jobs/two.yaml": job_text("two")}
    settlement = reconcile(tree(renamed), now)
    assert names(settlement) == ["one", "two"]
    assert settlement.jobs.definitions["one"].quarantined
    moved = {"jobs/new.yaml": BROKEN.format(name="one"), "jobs/two.yaml": job_text("two")}
    assert names(reconcile(tree(moved), now)) == ["one", "two"]


def test_a_name_taken_twice_runs_from_one_file_and_the_other_is_named_by_its_path() -> None:
    twice = {"jobs/a.yaml": job_text("one", schedule="1 1 * * *"), "jobs/b.yaml": job_text("one")}
    settlement = reconcile(tree(twice), running("one"))
    assert names(settlement) == ["one"]
    assert settlement.jobs.definitions["one"].path == "jobs/a.yaml"
    assert (settlement.state, settlement.quarantined) == (SyncState.DEGRADED, ("jobs/b.yaml",))


def test_a_broken_file_without_a_valid_version_is_not_said_to_run() -> None:
    """By name, by the path of a running job, and with neither."""
    now = running("one", "two")
    files = {
        "jobs/one.yaml": BROKEN.format(name="one"),
        "jobs/two.yaml": "- nothing\n",
        "jobs/new.yaml": BROKEN.format(name="new"),
        "jobs/odd.yaml": "- nothing\n",
    }
    settlement = reconcile(tree(files), now)
    assert names(settlement) == ["one", "two"]
    assert settlement.quarantined == ("jobs/odd.yaml", "jobs/two.yaml", "new", "one")
    assert settlement.not_running == ("jobs/odd.yaml", "new")
    assert settlement.message == (
        "4 invalid jobs; still on the last good version: jobs/two.yaml, one; no valid version yet: jobs/odd.yaml, new"
    )
    assert "before" not in reconcile(tree({"jobs/new.yaml": BROKEN.format(name="new")}), JobSet()).message


def test_broken_calendars_and_policies_are_counted_as_what_they_are() -> None:
    files = {
        "jobs/one.yaml": BROKEN.format(name="one"),
        "jobs/_calendars/fr.yaml": "",
        "jobs/_calendars/de.yaml": "- SAT\n",
        "jobs/_policies/hosts.yaml": "- nothing\n",
    }
    settlement = reconcile(tree(files), running("one"))
    assert settlement.message.startswith(
        "1 invalid job, 2 invalid calendars, 1 invalid policy; still on the last good version: "
    )
    status = status_of(settlement, SyncStatus(SyncState.STARTING, Mode.WORKTREE, "/r"), is_rewritten=False)
    assert status.invalid_counts == "1 job, 2 calendars, 1 policy"
    only = reconcile(tree({"jobs/_calendars/fr.yaml": ""}), JobSet())
    assert only.message == "1 invalid calendar; no valid version yet: jobs/_calendars/fr.yaml"


def test_reject_takes_nothing() -> None:
    now = running("one")
    settlement = reconcile(
        tree(files("one", "two") | {"jobs/x.yaml": BROKEN.format(name="x")}), now, on_invalid=OnInvalid.REJECT
    )
    assert (settlement.jobs, settlement.applied, settlement.state) == (now, False, SyncState.FAILED)


def test_what_is_not_committed_is_a_draft() -> None:
    settlement = reconcile(tree(files("one"), committed=False), JobSet())
    definition = settlement.jobs.definitions["one"]
    assert (definition.draft, definition.version, definition.created_at) == (True, None, None)


@pytest.mark.parametrize(
    ("message", "count"),
    [
        ("Tidy\n\nChronos-Allow-Deletes: 4", 4),
        ("Tidy\n\nBody\n\nReviewed-by: A\nchronos-allow-deletes:12\n", 12),
        ("Tidy\n\nChronos-Allow-Deletes: 4\n\nAnother paragraph", None),
        ("Tidy\n\nChronos-Allow-Deletes: -4", None),
        ("Tidy\n\nChronos-Allow-Deletes: all", None),
        ("Tidy\n\nnot Chronos-Allow-Deletes: 4", None),
        ("", None),
    ],
)
def test_the_trailer_that_allows_deletions(message: str, count: int | None) -> None:
    assert allowed_deletions(message) == count


def test_the_last_good_state_comes_back_as_it_was(tmp_path: Path) -> None:
    jobs = running("one", "two")
    LastGood(tmp_path / "x/lastgood.json", "this").save(jobs)
    assert LastGood(tmp_path / "x/lastgood.json", "this").load() == jobs
    assert LastGood(tmp_path / "x/lastgood.json", "that").load() is None
    assert (tmp_path / "x/lastgood.json").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in (tmp_path / "x").iterdir()] == ["lastgood.json"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1}', '{"format": 2, "identity": "this"}', "\0"])
def test_a_state_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "lastgood.json").write_text(content)
    assert LastGood(tmp_path / "lastgood.json", "this").load() is None


def test_definitions_survive_the_disk_whole(tmp_path: Path) -> None:
    definition: JobVersion = running("one").definitions["one"]
    LastGood(tmp_path / "f", "i").save(JobSet.of("a" * 40, [definition]))
    again = LastGood(tmp_path / "f", "i").load()
    assert again is not None
    assert (again.revision, again.definitions["one"]) == ("a" * 40, definition)


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        (Person("Ada Lovelace", "ada@example.com"), "Ada Lovelace <ada@example.com>"),
        (Person("", ""), "somebody <unknown@localhost>"),
        (Person(" .,;<>\n", "<>\n"), "somebody <unknown@localhost>"),
        (Person("A <b@c>\nX: y", "a b@c\n>"), "A b@c X: y <ab@c>"),
        (Person("x" * 5_000, "y" * 5_000), f"{'x' * 100} <{'y' * 200}>"),
    ],
)
def test_people_are_cleaned_for_git(person: Person, expected: str) -> None:
    assert str(person.cleaned()) == expected


def test_a_message_is_a_subject_and_trailers_and_nothing_else() -> None:
    said = "a\r\nb\u2028c\x00d\u202ee"
    message = rollback_message(
        job="one", version=2, commit="c" * 40, requested_by=Person(said, said), reason=said, request_id=said
    )
    subject, empty, *rest = message.splitlines()
    assert (subject, empty) == ("Roll back one to version 2", "")
    assert all(line.startswith("Chronos-") for line in rest)
    assert clean(said) == "a b c d e"


def test_a_long_list_says_how_many_more_there_are() -> None:
    names_of = [f"job-{number}" for number in range(7)]
    broken = {f"jobs/{name}.yaml": BROKEN.format(name=name) for name in names_of}
    settlement = reconcile(tree(broken), running(*names_of))
    said = "7 invalid jobs; still on the last good version: job-0, job-1, job-2, job-3, job-4 and 2 more"
    assert settlement.message == said
