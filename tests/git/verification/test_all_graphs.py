"""Every graph of a few commits of which one is not signed, every head after every verified head: none passes wrongly.

Commits have one or two parents. Merges are signed, or not signed and then clean; the one commit that is not signed may
be an edited merge. Every commit brings a file of its own, so the tree that would run tells whose work is in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import pytest
from harness.repositories.commit_signing import CommitMaker, Signer
from harness.repositories.repository import Repository

from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import discover
from chronos_gitops.git.signatures.errors import VerificationFailed
from chronos_gitops.git.signatures.signers import Signers
from chronos_gitops.git.verification.commit_judge import Judgements
from chronos_gitops.git.verification.commit_verifier import CommitVerifier
from chronos_gitops.git.verification.verified_history import VerifiedHistory

Parents = tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """``parents`` of each commit, oldest first; ``unsigned`` is the one that nobody answers for. With ``buttons``
    every other merge is not signed and clean, as a forge makes it."""

    parents: tuple[Parents, ...]
    unsigned: int
    buttons: bool

    def is_clean_merge(self, commit: int) -> bool:
        return self.buttons and commit != self.unsigned and len(self.parents[commit]) == 2

    def reach(self, commit: int | None) -> frozenset[int]:
        if commit is None:
            return frozenset()
        return frozenset({commit}).union(*(self.reach(parent) for parent in self.parents[commit]))

    def sources(self, commit: int, named: int | None) -> frozenset[int]:
        """The commits that answer for what this one holds: a clean merge leaves that to its parents. The operator
        answers for the commit that is ``named``."""
        if not self.is_clean_merge(commit):
            return frozenset({commit})
        parents = (parent for parent in self.parents[commit] if parent != named)
        return frozenset().union(*(self.sources(parent, named) for parent in parents))

    def may_run(self, head: int, trusted: int | None, named: int | None = None) -> bool:
        """The law. ``trusted`` is the commit whose history is not asked about; None where there is none yet."""
        new = self.reach(head) - self.reach(trusted) if trusted is not None else frozenset[int]()
        return all(self.unsigned not in self.sources(commit, named) for commit in new | {head})


def graphs(size: int) -> Iterator[Graph]:
    choices = [
        [*((one,) for one in range(number)), *combinations(range(number), 2)] if number else [()]
        for number in range(size)
    ]
    for parents in product(*choices):
        has_merge = any(len(one) == 2 for one in parents)
        for unsigned, buttons in product(range(size), (False, True) if has_merge else (False,)):
            yield Graph(parents, unsigned, buttons)


class World:
    """One repository for all graphs: equal commits of different graphs are the same object."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository.init(folder / "work")
        signer = Signer(folder)
        self.make = CommitMaker(self.repository, signer)
        self.signers = Signers(signer.allow(folder / "allowed"))
        self.git = Git(discover(self.repository.root))
        self._file = folder / "verified.jsonl"
        self._made: dict[object, str] = {}
        self._files: dict[str, Mapping[str, str]] = {}
        self._known = Judgements()
        self._decided: dict[object, tuple[bool, str]] = {}

    def commits(self, graph: Graph) -> list[str]:
        made: list[str] = []
        for number, parents in enumerate(graph.parents):
            ids = tuple(made[parent] for parent in parents)
            made.append(self._commit(number, ids, graph))
        return made

    def _commit(self, number: int, parents: tuple[str, ...], graph: Graph) -> str:
        signed, clean = number != graph.unsigned, graph.is_clean_merge(number)
        key = (number, parents, signed, clean)
        if key not in self._made:
            files = {path: text for parent in parents for path, text in self._files[parent].items()}
            if not clean:
                files[f"jobs/{number}.yaml"] = f"work of {number}, {'signed' if signed else 'not signed'}\n"
            commit = self.make.commit(self.make.tree(files), *parents, signed=signed and not clean)
            self._made[key], self._files[commit] = commit, files
        return self._made[key]

    def passes(self, heads: tuple[str, ...], since: str | None, *, is_lost: bool) -> bool:
        """True if the last of these heads is applied by a runner that restarts before each of them; ``is_lost``, with a
        new data folder before the last one."""
        state = ""
        for head in heads[:-1]:
            state = self._verified(state, head, since)[1]
        return self._verified("" if is_lost else state, heads[-1], since)[0]

    def _verified(self, state: str, head: str, since: str | None) -> tuple[bool, str]:
        """True if it passes after this content of the data folder, and the content then."""
        key = (state, head, since)
        if key not in self._decided:
            self._file.write_text(state)
            history = VerifiedHistory(self._file, "repository")
            try:
                CommitVerifier(self.signers, history, since=since, known=self._known).verify(self.git, head)
                passed = True
            except VerificationFailed:
                passed = False
            self._decided[key] = passed, self._file.read_text()
        return self._decided[key]


def attempts(graph: Graph, length: int) -> Iterator[tuple[tuple[int, ...], int | None, bool, bool]]:
    """Heads one after the other, the commit of verify_since, whether the data folder is lost, and the law's word."""
    size = len(graph.parents)
    for heads in product(range(size), repeat=length):
        trusted: int | None = None
        for head in heads[:-1]:
            trusted = head if graph.may_run(head, trusted) else trusted
        yield heads, None, False, graph.may_run(heads[-1], trusted)
    for since, head in product(range(size), repeat=2):
        yield (since, head), since, True, graph.may_run(head, since, since)


def tried(folder: Path, sizes: range, length: int) -> tuple[int, list[str], list[str]]:
    world = World(folder)
    count, wrongly, refused = 0, [], []
    for size in sizes:
        for graph in graphs(size):
            ids = world.commits(graph)
            for heads, since, is_lost, expected in attempts(graph, length):
                passed = world.passes(
                    tuple(ids[head] for head in heads), None if since is None else ids[since], is_lost=is_lost
                )
                count += 1
                if passed and not expected:
                    wrongly.append(f"{graph} {heads} since {since}")
                if expected and not passed:
                    refused.append(f"{graph} {heads} since {since}")
    world.git.close()
    return count, wrongly, refused


@pytest.mark.timeout(600)
def test_no_graph_of_three_commits_passes_wrongly_after_any_two_heads(tmp_path: Path) -> None:
    count, wrongly, refused = tried(tmp_path, range(1, 4), 3)
    assert count > 400
    assert (wrongly, refused) == ([], [])


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_no_graph_of_five_commits_passes_wrongly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count, wrongly, refused = tried(tmp_path, range(1, 6), 2)
    with capsys.disabled():
        print(f"\n{count:,} heads tried, {len(wrongly)} passed wrongly, {len(refused)} refused wrongly")
    assert (wrongly, refused) == ([], [])
