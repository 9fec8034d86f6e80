"""A look at a repository in which nothing moved reads a few small files, and starts no git."""

from collections.abc import Callable
from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository

from chronos_gitops.git import process

NIGHTLY = "30 3 * * *"


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of each git that is started from now on."""
    started, begun = process.started, list[str]()

    def noted(argv: tuple[str, ...], **given: object) -> object:
        begun.append(argv[2])
        return started(argv, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(process, "started", noted)
    return begun


@pytest.mark.parametrize("mode", ["worktree", "branch"])
@pytest.mark.parametrize("pack", [False, True])
def test_only_what_moved_is_asked_for(
    mode: str, pack: bool, repository: Repository, follow: Follow, commands: list[str]
) -> None:
    following = follow(repository.root, mode=mode)
    for _ in range(2):
        following.follower.sync()
    following.follower.source.check()
    commands.clear()
    for _ in range(3):
        following.follower.sync()
    assert commands == []
    repository.write_job("one", schedule=NIGHTLY)
    commit = repository.commit()
    if pack:
        repository.git("pack-refs", "--all")
    following.follower.sync()
    assert following.schedule("one") == NIGHTLY
    assert following.follower.jobs().definitions["one"].commit == commit
    assert commands.count("rev-list") == 1


LOSSES: dict[str, Callable[[Path], object]] = {
    "folder": lambda mirror: mirror.rename(mirror.with_name("away")),
    "ref": lambda mirror: (mirror / "refs/chronos/remote/main").unlink(),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_mirror_that_lost_something_is_mended_though_nothing_moved(
    loss: str, bare: Repository, follow: Follow, data_folder: Path
) -> None:
    following = follow(bare.root)
    for _ in range(2):
        following.follower.sync()
    mirror = next(data_folder.glob("mirror-*.git"))
    LOSSES[loss](mirror)
    following.follower.sync()
    assert (mirror / "HEAD").exists()
    assert Repository(mirror).head("refs/chronos/remote/main") == bare.head("refs/heads/main")
