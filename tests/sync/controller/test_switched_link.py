"""A checkout behind a symbolic link that is switched, as git-sync does: followed at the next look, one state."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository

from chronos_gitops.git.symlinks import symbolic_links

LATER = "9 9 * * *"
Publish = Callable[[str], Path]


def switch(link: Path, target: Path) -> None:
    """In one step, with a relative target."""
    fresh = link.with_name(".fresh")
    fresh.symlink_to(target.relative_to(link.parent))
    fresh.replace(link)


@pytest.fixture(params=["worktrees", "clones"])
def publish(request: pytest.FixtureRequest, repository: Repository, tmp_path: Path) -> Publish:
    """Makes ``current`` lead to the repository's head, in a folder of its own, and takes the one before away."""
    served = tmp_path / "served"
    served.mkdir()
    store = repository.bare(served / "store")

    def take(name: str) -> Path:
        repository.push("HEAD:main")
        if request.param == "worktrees":
            store.git("worktree", "add", "--quiet", "--detach", str(served / name), "main")
        else:
            store.git("clone", "--quiet", str(store.root), str(served / name))
        before = (served / "current").resolve()
        switch(served / "current", served / name)
        if before.name != "current":
            shutil.rmtree(before)
            store.git("worktree", "prune")
        return served / "current"

    return take


@pytest.mark.parametrize("part", ["", "services/a"])
@pytest.mark.parametrize("mode", ["worktree", "branch"])
def test_the_next_look_follows_the_link(
    repository: Repository, publish: Publish, follow: Follow, mode: str, part: str
) -> None:
    jobs = str(Path(part, "jobs"))
    repository.write_job("one", path=f"{jobs}/one.yaml")
    first = repository.commit("In a part of the repository")
    current = publish("r1")
    following = follow(current / part, mode=mode, branch="main" if mode == "branch" else None)
    assert following.schedule("one") == "0 2 * * *"
    for number in range(2, 5):
        repository.write_job("one", path=f"{jobs}/one.yaml", schedule=f"{number} 9 * * *")
        commit = repository.commit("Later")
        publish(f"r{number}")
        status = following.follower.sync()
        assert (status.state, status.revision.applied) == ("synced", commit)
        definition = following.follower.jobs().definitions["one"]
        assert (definition.commit, definition.draft) == (commit, False)
        assert following.schedule("one") == f"{number} 9 * * *"
    versions = following.follower.index().versions("one")
    assert versions[-1].commit == commit
    assert following.follower.read(versions[-1].blob)
    assert status.repository == str(current if not part or mode == "worktree" else current / part)
    assert first != commit


@pytest.mark.parametrize("mode", ["worktree", "branch"])
def test_a_switch_is_noticed_by_itself(repository: Repository, publish: Publish, follow: Follow, mode: str) -> None:
    following = follow(publish("r1"), mode=mode, branch="main" if mode == "branch" else None)
    for number in (2, 3):
        repository.write_job("one", schedule=f"{number} 9 * * *")
        commit = repository.commit("Later")
        publish(f"r{number}")
        following.wait_for_status(lambda status, commit=commit: status.revision.applied == commit, timeout=20)
        assert following.schedule("one") == f"{number} 9 * * *"


@pytest.mark.parametrize("mode", ["worktree", "branch"])
def test_the_state_is_that_of_the_path_as_given(
    repository: Repository, publish: Publish, follow: Follow, mode: str
) -> None:
    options = {"mode": mode, "branch": "main" if mode == "branch" else None}
    first = repository.head()
    before = follow(publish("r1"), **options)
    assert before.follower.deployments.at("one", first) is not None
    before.follower.stop()
    repository.write_job("one", schedule=LATER)
    second = repository.commit("Later")
    after = follow(publish("r2"), **options)
    assert after.schedule("one") == LATER
    for commit in (first, second):
        assert after.follower.deployments.at("one", commit) is not None


def test_the_links_on_the_way(tmp_path: Path) -> None:
    """As Kubernetes mounts a volume: a link to a link to a folder."""
    (tmp_path / "..2026/jobs").mkdir(parents=True)
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "repo").symlink_to(tmp_path / "..data" / "jobs" / "..")
    (tmp_path / "loop").symlink_to("loop")
    assert symbolic_links(tmp_path / "repo" / "jobs") == (tmp_path / "repo", tmp_path / "..data")
    assert symbolic_links(tmp_path / "..2026") == ()
    assert len(symbolic_links(tmp_path / "loop")) == 40
