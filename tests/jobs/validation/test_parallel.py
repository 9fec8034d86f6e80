"""Many files judged by several processes: the same answers in the same order as by one."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chronos_gitops.jobs.validation import parallel
from chronos_gitops.jobs.validation.validate import FileKind, TreeEntry, validate_tree

TODAY = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = "name: job-{n}\nschedule: '30 2 * * *'\ntimezone: Europe/Paris\nwebhook:\n  url: https://example.com/{n}\n"


class Tree:
    """800 files: valid ones, broken ones, names taken twice on two sides of the middle, one that cannot be read."""

    def __init__(self) -> None:
        texts = {f"jobs/job-{n:04}.yaml": GOOD.format(n=n if n % 7 else n % 400) for n in range(800)}
        texts |= {f"jobs/job-{n:04}.yaml": "name: [" for n in range(0, 800, 50)}
        self._texts = {path: text.encode() for path, text in texts.items()}
        entries = [TreeEntry(path, f"{len(text)}", len(text)) for path, text in sorted(self._texts.items())]
        self.entries: Sequence[TreeEntry] = [
            *entries,
            TreeEntry("jobs/large.yaml", "", 1_000_000),
            TreeEntry("jobs/link.yaml", "", 3, FileKind.SYMLINK),
            TreeEntry("jobs/vanished.yaml", "", 3),
        ]

    def place(self, path: str) -> str:
        return path.removeprefix("jobs/")

    def read(self, entries: Sequence[TreeEntry]) -> Mapping[str, bytes]:
        asked = {entry.path for entry in entries}
        assert not asked & {"jobs/large.yaml", "jobs/link.yaml"}
        return {path: self._texts[path] for path in asked if path in self._texts}


@pytest.fixture
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(threading, "active_count", lambda: 1)  # xdist's own thread waits and holds nothing


@pytest.mark.usefixtures("two_processors")
def test_several_processes_find_what_one_finds_in_the_same_order() -> None:
    tree, steps = Tree(), []
    judged = parallel.validate_in_parallel(tree, today=TODAY, on_file=lambda: steps.append(1))
    alone = validate_tree(tree, today=TODAY)
    assert judged.problems == alone.problems
    assert judged.files == tuple(replace(parsed, job=None) for parsed in alone.files)
    assert {"duplicate-name", "syntax", "daylight-saving-gap", "unreadable"} <= {one.rule for one in judged.problems}
    assert len(steps) == len(tree.entries)


class FatalTree(Tree):
    """Kills a process that is not the one that made it, in the middle of its work."""

    def __init__(self) -> None:
        super().__init__()
        self._owner = os.getpid()

    def read(self, entries: Sequence[TreeEntry]) -> Mapping[str, bytes]:
        if os.getpid() != self._owner:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(entries)


@pytest.mark.usefixtures("two_processors")
def test_a_helper_that_is_killed_is_replaced() -> None:
    assert (
        parallel.validate_in_parallel(FatalTree(), today=TODAY).problems == validate_tree(Tree(), today=TODAY).problems
    )


class BrokenTree(FatalTree):
    def read(self, entries: Sequence[TreeEntry]) -> Mapping[str, bytes]:
        if os.getpid() != self._owner:
            raise ZeroDivisionError("in a helper")
        return Tree.read(self, entries)


@pytest.mark.usefixtures("two_processors")
def test_an_error_of_a_helper_is_raised_and_no_process_is_left() -> None:
    with pytest.raises(ZeroDivisionError, match="in a helper"):
        parallel.validate_in_parallel(BrokenTree(), today=TODAY)
    assert not multiprocessing.active_children()


def test_a_process_with_threads_is_not_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "active_count", lambda: 2)
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("forked"))
    assert parallel.validate_in_parallel(Tree()).problems == validate_tree(Tree()).problems
