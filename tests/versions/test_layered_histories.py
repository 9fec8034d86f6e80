"""The index of a history with layers: by the definition of a version, however it was built, in every environment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from harness.machine.seeds import seeded
from harness.repositories.layered_histories import NAMES, Edits, RandomTree, import_commits
from harness.repositories.repository import Repository

from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import discover
from chronos_gitops.git.incomplete_clone import PresentObjects
from chronos_gitops.jobs.layers.file_roles import place_of
from chronos_gitops.jobs.layers.parts import FileParts, parts_of
from chronos_gitops.jobs.layers.tree import Layer, Layers
from chronos_gitops.jobs.validation import document
from chronos_gitops.versions.history import History, Index
from chronos_gitops.versions.history_cache import HistoryCache

COMMITS = 40
Told = list[tuple[str, str, str, tuple[str, ...] | None, bool]]
"""Commit, change, path, environments, whether the content changed anywhere."""


@dataclass(frozen=True)
class Standing:
    """One job after a commit, with the digest of its content by environment."""

    path: str
    text: str
    contents: Mapping[str | None, str]


class Oracle:
    """Every job is made anew after every commit, by the functions that make running jobs."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.layers: dict[str, str] = {}
        self.jobs: dict[str, Standing] = {}
        self.told: dict[str, Told] = {}

    def record(self, sha: str, edits: Edits) -> None:
        for path, text in edits.items():
            files = self.layers if "/_" in path else self.files
            if text is None:
                files.pop(path, None)
            elif files is self.files or _is_readable(path, text):
                files[path] = text
        before, self.jobs = self.jobs, self._standing()
        declared = self._made_of().environments or None
        for name in sorted(before.keys() | self.jobs.keys()):
            told = _told(before.get(name), self.jobs.get(name), declared)
            if told is not None:
                self.told.setdefault(name, []).append((sha, *told))

    def _standing(self) -> dict[str, Standing]:
        layers = self._made_of()
        found = {}
        for path, text in self.files.items():
            own = _parts(path, text)
            contents = {name: layers.job(path, own, name).content for name in layers.environments or (None,)}
            found[path.rpartition("/")[2].removesuffix(".yaml")] = Standing(path, text, contents)
        return found

    def _made_of(self) -> Layers:
        layers = [Layer(path, place_of(path[5:]), "", _parts(path, text)) for path, text in sorted(self.layers.items())]
        return Layers(layers, lambda path: path[5:])


def _is_readable(path: str, text: str) -> bool:
    return all(problem.rule == "empty-file" for problem in document.read(path, text.encode()).problems)


def _parts(path: str, text: str) -> FileParts:
    return parts_of(document.read(path, text.encode()))


def _told(
    was: Standing | None, now: Standing | None, declared: tuple[str, ...] | None
) -> tuple[str, str, tuple[str, ...] | None, bool] | None:
    if was is None or now is None:
        standing = now or was
        assert standing is not None
        return "deleted" if now is None else "created", standing.path, declared, True
    changed = _changed(was.contents, now.contents)
    own = "moved" if was.path != now.path else "changed"
    change = own if (was.path, was.text) != (now.path, now.text) else "inherited"
    if change == "inherited" and not changed:
        return None
    environments = None if declared is None else tuple(name for name in changed if name is not None)
    return change, now.path, environments, bool(changed)


def _changed(was: Mapping[str | None, str], now: Mapping[str | None, str]) -> list[str | None]:
    if None in was:
        return [name for name in now if now[name] != was[None]]
    if None in now:
        return [name for name in was if was[name] != now[None]]
    return [name for name in now if name in was and was[name] != now[name]]


def told(index: Index, name: str) -> Told:
    """Of an early version without layers the index compared nothing."""
    return [
        (one.commit, one.change.value, one.path, one.reach.environments, one.reach.effective is not False)
        for one in index.versions(name)
    ]


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[tuple[Repository, Git]]:
    repository = Repository.init(tmp_path / "checkout")
    git = Git(discover(repository.root))
    yield repository, git
    git.close()


def history_of(seed: int, repository: Repository) -> tuple[Sequence[Edits], list[str]]:
    tree = RandomTree(seeded(seed))
    commits = [edits for _ in range(COMMITS) if (edits := tree.edit())]
    return commits, import_commits(repository, commits)


@pytest.mark.parametrize("seed", range(12))
def test_a_version_is_a_commit_that_changes_the_file_or_the_content(seed: int, empty: tuple[Repository, Git]) -> None:
    repository, git = empty
    commits, chain = history_of(seed, repository)
    oracle = Oracle()
    for sha, edits in zip(chain, commits, strict=True):
        oracle.record(sha, edits)
    index = History(PresentObjects(git), "jobs").index(chain[-1])
    assert index.jobs() == oracle.told.keys()
    for name in NAMES:
        expected = oracle.told.get(name, [])
        found = told(index, name)
        # Before the first layer the index compares no files.
        compared = [one.reach.effective is not None for one in index.versions(name)]
        pairs = zip(expected, compared, strict=True)
        assert found == [one if is_compared else (*one[:4], True) for one, is_compared in pairs]
        assert [one.number for one in index.versions(name)] == list(range(1, len(expected) + 1))


@pytest.mark.parametrize("seed", range(100, 108))
def test_incremental_is_the_same_as_anew(seed: int, empty: tuple[Repository, Git], tmp_path: Path) -> None:
    """One commit at a time, several at once, after a restart from the saved index, and back to an earlier head."""
    repository, git = empty
    _, chain = history_of(seed, repository)
    chance = Random(seed)
    history = History(PresentObjects(git), "jobs", HistoryCache(tmp_path / "history.json", "here"))
    at = 0
    while at < len(chain):
        grown = history.index(chain[at])
        assert grown == History(PresentObjects(git), "jobs").index(chain[at])
        if chance.random() < 0.3:
            history.save()
            history = History(PresentObjects(git), "jobs", HistoryCache(tmp_path / "history.json", "here"))
        at += -2 if at > 2 and chance.random() < 0.1 else chance.randint(1, 3)


@pytest.mark.parametrize("seed", range(200, 206))
def test_what_counts_in_an_environment_ends_with_what_last_changed_there(
    seed: int, empty: tuple[Repository, Git]
) -> None:
    """The newest version that counts in production was made by the last commit that touched the job there."""
    repository, git = empty
    _, chain = history_of(seed, repository)
    index = History(PresentObjects(git), "jobs").index(chain[-1])
    for name in index.jobs():
        versions = index.versions(name)
        for environment in ("production", "staging", None):
            counting = [one for one in versions if one.blob and one.counts_in(environment)]
            newest = versions.newest(environment)
            assert newest == (counting[-1] if counting else None)
        assert versions == tuple(versions)
        assert versions[-3:] == tuple(versions)[-3:]
        assert list(reversed(versions)) == list(versions)[::-1]
        for one in versions:
            assert index.version(name, one.commit) == one
            assert [own.position for own in versions.own_after(one.commit)] == [
                later.position for later in versions[one.position :] if later.change != "inherited"
            ]
