"""Undo of a commit that changed layers: its files go back, all or nothing."""

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository, job_text

from chronos_gitops.errors import ConflictError, NotFoundError
from chronos_gitops.git.commit import Person
from chronos_gitops.rollback.before_commit import UndoRequest, UndoResult
from chronos_gitops.rollback.committer import InvalidVersion
from chronos_gitops.rollback.revert import Reverter

ALICE = Person("Alice", "alice@example.com")
TOP, NEAR = "jobs/_defaults.yaml", "jobs/a/_defaults.yaml"


@pytest.fixture
def reverter(repository: Repository, follow: Follow) -> Reverter:
    """Jobs one and two, and three below jobs/a, under a layer of one minute."""
    repository.write_job("three", path="jobs/a/three.yaml")
    repository.write(TOP, "timeout: 1m\n")
    repository.commit("Layer")
    return Reverter(follow(repository.root, mode="branch", branch="main").follower)


def undone(reverter: Reverter, commit: str, request_id: str = "") -> UndoResult:
    return reverter.perform(UndoRequest(commit, "", ALICE, request_id))


def test_a_layer_goes_back_with_all_jobs_that_inherit_it(repository: Repository, reverter: Reverter) -> None:
    repository.write(TOP, "timeout: 2m\n")
    made = repository.commit("Two minutes")
    plan = reverter.plan(UndoRequest(made, "", ALICE))
    assert [(one.job, one.made.change.value) for one in plan.jobs] == [
        ("one", "inherited"),
        ("three", "inherited"),
        ("two", "inherited"),
    ]
    assert (plan.layers, plan.changed) == ((TOP,), True)
    assert "-timeout: 2m" in plan.diff
    result = undone(reverter, made, "id")
    assert undone(reverter, made, "id") == result
    assert repository.git("show", f"HEAD:{TOP}") == "timeout: 1m"
    message = repository.git("log", "-1", "--format=%B")
    assert f"* {TOP}" in message
    assert "* one" not in message
    assert "Written-Out" not in message
    assert not undone(reverter, made).changed


def test_jobs_and_layers_of_one_commit_go_back_together(repository: Repository, reverter: Reverter) -> None:
    repository.remove(TOP)
    repository.write(NEAR, "jitter: 1s\n")
    repository.write_job("one", schedule="@hourly")
    repository.write("jobs/_policies/p.yaml", "rules: []\n")
    made = repository.commit("A lot")
    before = repository.git("rev-parse", "HEAD~1^{tree}")
    assert undone(reverter, made[:10]).layers == (TOP, "jobs/_policies/p.yaml", NEAR)
    assert repository.git("rev-parse", "HEAD^{tree}") == before


@pytest.mark.parametrize("path", [TOP, "jobs/one.yaml"])
def test_a_file_that_changed_since_refuses_all_of_it(repository: Repository, reverter: Reverter, path: str) -> None:
    repository.write(TOP, "timeout: 2m\n")
    repository.write_job("one", schedule="@hourly")
    made = repository.commit("Both")
    text = "timeout: 3m\n" if path == TOP else job_text("one", schedule="@daily")
    repository.write(path, text)
    head = repository.commit("Once more")
    with pytest.raises(ConflictError, match=f"changed again since that commit: {'one' if path != TOP else path}"):
        undone(reverter, made)
    assert repository.head() == head


def test_a_later_edit_of_a_layer_is_no_change_of_the_jobs_below_it(repository: Repository, reverter: Reverter) -> None:
    repository.write_job("one", schedule="@hourly")
    made = repository.commit("Only the job")
    repository.write(TOP, "timeout: 2m\n")
    repository.commit("Only the layer")
    assert undone(reverter, made).changed
    assert repository.git("show", f"HEAD:{TOP}") == "timeout: 2m"


def test_a_layer_that_no_job_felt_goes_back_too(repository: Repository, reverter: Reverter) -> None:
    repository.write(TOP, "timeout: 1m  # sixty seconds\n")
    made = repository.commit("A comment")
    result = undone(reverter, made)
    assert (result.jobs, result.layers) == ((), (TOP,))
    assert repository.git("show", f"HEAD:{TOP}") == "timeout: 1m"


def test_jobs_that_would_be_invalid_refuse_the_undo(repository: Repository, reverter: Reverter) -> None:
    bare = "name: bare\nwebhook: {url: 'https://hooks.example.com/bare'}\n"
    repository.write(TOP, "timeout: 1m\nschedule: '@daily'\n")
    made = repository.commit("A schedule for all")
    repository.write("jobs/bare.yaml", bare)
    repository.commit("A job that counts on it")
    repository.write("jobs/two.yaml", job_text("two").replace('schedule: "0 2 * * *"\n', ""))
    repository.commit("Another one")
    with pytest.raises(InvalidVersion):
        undone(reverter, made)


def test_the_trailer_counts_jobs_that_the_undo_disables(repository: Repository, follow: Follow) -> None:
    """All three jobs, by an environment, which counts more than a job's own file: without the exact number the runner
    would hold them."""
    environment = "staging"
    layer = f"jobs/_environments/{environment}.yaml"
    repository.write_job("three", path="jobs/a/three.yaml")
    repository.write(layer, "enabled: false\n")
    repository.commit("Nothing runs")
    repository.write(layer, "enabled: true\n")
    made = repository.commit("All run")
    following = follow(repository.root, mode="branch", branch="main", environment=environment)
    assert undone(Reverter(following.follower), made).changed
    assert "Chronos-Allow-Deletes: 3" in repository.git("log", "-1", "--format=%B").splitlines()
    assert not [name for name, one in following.follower.jobs().definitions.items() if one.job.enabled]
    assert following.follower.status().held is None


def test_a_commit_that_changed_neither_is_none(repository: Repository, reverter: Reverter) -> None:
    repository.write("README.md", "x")
    made = repository.commit("Read me")
    for commit in (made, "0" * 40, "HEAD", made[:3]):
        with pytest.raises(NotFoundError):
            undone(reverter, commit)
