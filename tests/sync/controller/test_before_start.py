"""A pass that is asked for before following has started: it opens what ``start`` would have opened, once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness.repositories.repositories import Following
from harness.repositories.repository import Repository

from chronos_gitops.sync.controller import SyncController

Ask = Callable[[SyncController], Any]


@pytest.mark.parametrize("ask", [SyncController.sync, SyncController.refresh])
@pytest.mark.parametrize("mode", ["worktree", "branch"])
def test_it_is_answered_and_start_goes_on(repository: Repository, tmp_path: Path, mode: str, ask: Ask) -> None:
    following = Following(repository.root, tmp_path / "data", mode=mode)
    ask(following.follower)
    following.follower.start()
    try:
        status = following.follower.status()
        assert (status.state, status.revision.applied) == ("synced", repository.head())
        assert [sorted(one.job.name for one in jobs) for jobs in following.announced] == [["one", "two"]]
    finally:
        following.follower.stop()


def test_a_restart_remembers_before_it_judges(repository: Repository, tmp_path: Path) -> None:
    """A pass that did not know the last good jobs would delete what is held."""
    for number in range(8):
        repository.write_job(f"job-{number}")
    repository.commit("Many")
    first = Following(repository.root, tmp_path / "data")
    first.follower.start()
    first.follower.stop()
    for number in range(8):
        repository.remove(f"jobs/job-{number}.yaml")
    repository.commit("Few")
    again = Following(repository.root, tmp_path / "data")
    try:
        held = again.follower.sync().held
        assert held is not None
        assert len(again.follower.jobs()) == 10
        again.follower.approve(held.checksum)
        assert len(again.follower.jobs()) == 2
    finally:
        again.follower.stop()
