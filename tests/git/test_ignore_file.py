"""The runner leaves out what ``.chronosignore`` leaves out, as ``validate`` and ``plan`` do: one verdict everywhere."""

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository


@pytest.mark.parametrize("mode", ["worktree", "branch"])
def test_an_ignored_file_is_no_job(repository: Repository, follow: Follow, mode: str) -> None:
    repository.write("jobs/drafts/three.yaml", "not: a job\n")
    repository.write("jobs/.chronosignore", "drafts/\n")
    repository.commit("Leave the drafts out")
    following = follow(repository.root, mode=mode)
    assert list(following.follower.jobs().definitions) == ["one", "two"]
    assert {problem.file for problem in following.follower.status().problems} == {"jobs/one.yaml", "jobs/two.yaml"}


def test_a_saved_chronosignore_is_noticed(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root)
    repository.write("jobs/.chronosignore", "two.yaml\n")
    following.wait(lambda jobs: list(jobs.definitions) == ["one"])
