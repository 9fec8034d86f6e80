"""A reload that reuses what is known ends as one that makes everything anew, whatever the edits were."""

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from harness.repositories.repository import Repository, job_text

from chronos_gitops.git.ignore_file import IgnoreFilter, without_ignored_at
from chronos_gitops.git.tree import CommitFiles, Scanner
from chronos_gitops.jobs.layers.tree import NO_LAYERS
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.validation import validate
from chronos_gitops.jobs.validation.calendar_files import read_calendars
from chronos_gitops.jobs.validation.layers.layer_files import read_layers
from chronos_gitops.jobs.validation.validation_cache import ValidationCache
from chronos_gitops.sync.content import definitions, tree_layers
from chronos_gitops.sync.controller import SyncController
from chronos_gitops.sync.drafts import DraftedJobs, JobsOfChangedLayers
from chronos_gitops.sync.source import WorktreeSource, open_source
from chronos_gitops.sync.status import SyncStatus

SCHEDULES = ("0 2 * * *", "0 3 * * *", "not a schedule")
NAMES = ("alpha", "beta", "gamma", "delta")
BESIDE: dict[str, tuple[str | None, ...]] = {
    "jobs/_defaults.yaml": ("timeout: 10s\n", "timeout: 20s\nskip: [fr]\n", "timeout: soon\n", "{", None),
    "jobs/a/_defaults.yaml": ("tags: {team: a}\n", "tags: {team: b}\n", None),
    "jobs/_calendars/fr.yaml": ("closed: [2026-05-01]\n", "timezone: UTC\nclosed: []\napplies_to: {}\n", "{", None),
    "jobs/_policies/team.yaml": ("rules: [{id: team, tags: [team]}]\n", "rules: []\n", None),
    "jobs/.chronosignore": ("b/\n", "alpha.yaml\n", None),
}
"""Layers, calendars, policies and ignored files, some of them broken."""


def edit(repository: Repository, chance: random.Random) -> None:
    """A new text, often one that was there before; a move, a deletion, a second file of the same name, a mistake; and
    files that decide about other files."""
    if chance.random() < 0.4:
        path = chance.choice(sorted(BESIDE))
        text = chance.choice(BESIDE[path])
        repository.remove(path) if text is None and (repository.root / path).exists() else repository.write(
            path, text or ""
        )
    for _ in range(chance.randint(1, 3)):
        name, folder = chance.choice(NAMES), chance.choice(("jobs", "jobs/a", "jobs/b"))
        path = f"{folder}/{chance.choice(NAMES)}.yaml"
        if chance.random() < 0.25 and (repository.root / path).exists():
            repository.remove(path)
        else:
            repository.write(path, job_text(name, schedule=chance.choice(SCHEDULES)))


def followed(repository: Repository, commits: list[str], data: Path, on_invalid: str) -> list[tuple[JobSet, Any]]:
    """The running jobs and the problems after each of the commits."""
    found: list[JobSet] = []
    follower = SyncController(
        open_source(str(repository.root), data=data, mode="branch", branch="main"),
        on_change=found.append,
        data=data,
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        on_invalid=on_invalid,
    )
    try:
        states = []
        for commit in commits:
            repository.git("update-ref", "refs/heads/main", commit)
            status = follower.sync()
            states.append((follower.jobs(), (status.state, status.reason, status.problems)))
        return states
    finally:
        follower.source.close()


@pytest.mark.parametrize("on_invalid", ["quarantine", "reject"])
@pytest.mark.parametrize("seed", range(3))
def test_incremental_is_the_same_as_full(
    seed: int, on_invalid: str, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, commits = random.Random(seed), []
    for number in range(12):
        edit(repository, chance)
        repository.write("count.txt", str(number))
        commits.append(repository.commit(f"Edit {number}"))
    # A step over several commits at once, and a branch that is forced back and goes on.
    commits = [*commits[:4], *commits[7:], commits[5], commits[11]]
    incremental = followed(repository, commits, tmp_path / "one", on_invalid)
    monkeypatch.setattr(definitions, "_unchanged", lambda *_: None)
    monkeypatch.setattr(definitions.DefinedJobs, "_still_valid", lambda *_: {})
    monkeypatch.setattr(ValidationCache, "known", lambda *_: {})
    monkeypatch.setattr(tree_layers, "read_layers", lambda files, _: read_layers(files))
    monkeypatch.setattr(validate, "read_calendars", lambda files, _: read_calendars(files))
    monkeypatch.setattr(IgnoreFilter, "at", lambda _, files, git: without_ignored_at(files, git, files.commit, "jobs"))
    made = CommitFiles.__init__
    monkeypatch.setattr(CommitFiles, "__init__", lambda self, git, commit, jobs, _=None: made(self, git, commit, jobs))
    for reused, anew in zip(incremental, followed(repository, commits, tmp_path / "two", on_invalid), strict=True):
        assert reused == anew


class _Forgetful(SyncController):
    """Remembers nothing between two passes but what runs."""

    def sync(self, *, expecting: str | None = None) -> SyncStatus:
        judge = self._judge
        judge.defined = definitions.DefinedJobs()
        judge._cache, judge._latest = ValidationCache(), NO_LAYERS
        judge._drafted, judge._of_changed_layers = DraftedJobs(), JobsOfChangedLayers()
        assert isinstance(self.source, WorktreeSource)
        self.source._scanner = Scanner(Path(self.source.repository), "jobs")
        self.source._ignore, self.source._last = IgnoreFilter("jobs"), None
        return super().sync(expecting=expecting)


ENVIRONMENT = "jobs/_environments/staging.yaml"


@pytest.mark.parametrize("seed", range(4))
def test_saved_files_and_drafts_are_the_same_as_anew(seed: int, repository: Repository, tmp_path: Path) -> None:
    """In a checkout that is edited, committed and restored."""
    chance, followers = random.Random(seed), list[SyncController]()
    repository.write(ENVIRONMENT, "")
    repository.write("jobs/alpha.yaml", job_text("alpha"))
    repository.commit()
    for kind in (SyncController, _Forgetful):
        data = tmp_path / kind.__name__
        source = open_source(str(repository.root), data=data, mode="worktree")
        options = {"data": data, "now": lambda: datetime(2026, 1, 1, tzinfo=UTC), "environment": "staging"}
        followers.append(kind(source, on_change=lambda _: None, **options))  # type: ignore[arg-type]
    try:
        for number in range(16):
            edit(repository, chance)
            if chance.random() < 0.3:
                repository.write(ENVIRONMENT, chance.choice(("timeout: 3s\n", "tags: null\n", "# Nothing.\n")))
            if chance.random() < 0.4:
                repository.commit(f"Edit {number}")
            elif chance.random() < 0.3:
                repository.git("checkout", "--quiet", "--", ".")
            reused, anew = ((one.sync(), one.jobs()) for one in followers)
            assert reused[1] == anew[1]
            for field in ("state", "reason", "message", "problems", "held", "quarantined", "not_running"):
                assert getattr(reused[0], field) == getattr(anew[0], field)
    finally:
        for one in followers:
            one.source.close()
