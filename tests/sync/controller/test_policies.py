"""A runner under policies: what it refuses, what runs on, and which content of a policy is in force."""

from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository, job_text

from chronos_gitops.sync.status import SyncState

OWNER = "rules:\n  - {id: owner, tags: [owner]}\n"
POLICY = "jobs/_policies/team.yaml"
OWNED = job_text("one") + "tags: {owner: ops}\n"


@pytest.fixture
def owned(repository: Repository) -> Repository:
    """The job ``one``, which has an owner, under a policy that asks for one."""
    for path in (repository.root / "jobs").glob("*.yaml"):
        path.unlink()
    repository.write("jobs/one.yaml", OWNED)
    repository.write(POLICY, OWNER)
    repository.commit("Ask for owners")
    return repository


@pytest.mark.parametrize("mode", ["worktree", "branch"])
def test_violating_edit_is_quarantined_and_a_violating_job_does_not_run(
    owned: Repository, follow: Follow, mode: str
) -> None:
    following = follow(owned.root, mode=mode)
    owned.write_job("one", schedule="@hourly")
    owned.write_job("two")
    owned.commit("Drop the owner")
    status = following.follower.sync()
    assert (status.state, status.quarantined, status.not_running) == (SyncState.DEGRADED, ("one", "two"), ("two",))
    assert (following.names, following.schedule("one")) == (["one"], "0 2 * * *")
    [problem] = following.follower.jobs().definitions["one"].quarantined
    assert (problem.rule, problem.policy) == ("policy", "team/owner")


def test_stricter_policy_leaves_what_runs_in_place_also_after_a_restart(
    owned: Repository, follow: Follow, tmp_path: Path
) -> None:
    following = follow(owned.root, data=tmp_path / "same", mode="branch")
    owned.write(POLICY, OWNER.replace("[owner]", "[owner, runbook]"))
    owned.commit("Ask for runbooks")
    for _ in range(2):
        status = following.follower.sync()
        assert (following.names, status.quarantined) == (["one"], ("one",))
        [problem] = following.follower.jobs().definitions["one"].quarantined
        assert problem.message == "tags.runbook is missing"
        following.follower.stop()
        following = follow(owned.root, data=tmp_path / "same", mode="branch")


def test_first_start_runs_what_was_valid_at_its_own_commit(owned: Repository, follow: Follow) -> None:
    owned.write("jobs/one.yaml", job_text("one", schedule="@hourly"))
    owned.commit("Drop the owner")
    owned.write("jobs/one.yaml", OWNED.replace("0 2", "0 3"))
    owned.commit("Name the owner again")
    owned.write("jobs/one.yaml", job_text("one", schedule="@daily"))
    owned.commit("Drop the owner once more")
    owned.write(POLICY, OWNER.replace("[owner]", "[owner, runbook]"))
    owned.commit("Ask for runbooks")
    following = follow(owned.root, mode="branch")
    assert following.schedule("one") == "0 3 * * *"
    assert following.follower.jobs().definitions["one"].quarantined


@pytest.mark.parametrize("mode", ["worktree", "branch"])
@pytest.mark.parametrize("broken", ["rules: [", "rules: []\n", "", OWNER + "  - {id: owner, tags: [x]}\n"])
def test_unreadable_policy_is_quarantined_by_itself(
    owned: Repository, follow: Follow, tmp_path: Path, mode: str, broken: str
) -> None:
    following = follow(owned.root, mode=mode)
    owned.write(POLICY, broken)
    owned.write("jobs/one.yaml", OWNED.replace("0 2", "0 3"))
    owned.write_job("two")
    owned.commit("Break the policy")
    status = following.follower.sync()
    assert following.names == ["one"]
    assert following.schedule("one") == "0 3 * * *"
    assert (status.state, status.quarantined, status.not_running) == (SyncState.DEGRADED, (POLICY, "two"), ("two",))
    fresh = follow(owned.root, mode=mode, data=tmp_path / "fresh")
    assert (fresh.names, fresh.follower.status().not_running) == (["one"], ("two",))
    owned.write(POLICY, OWNER)
    owned.commit("Mend the policy")
    assert following.follower.sync().quarantined == ("two",)


def test_first_start_takes_the_newest_readable_content_since_the_policy_is_there(
    owned: Repository, follow: Follow
) -> None:
    owned.remove(POLICY)
    owned.commit("Ask for nothing")
    owned.write(POLICY, "rules: [{id: pace, min_interval: 1h}]\n")
    owned.commit("Ask for a pace")
    for number in range(25):
        owned.write(POLICY, f"rules: [{number}")
        owned.commit("Break the policy")
    owned.write("jobs/one.yaml", job_text("one", schedule="*/5 * * * *"))
    owned.write_job("two")
    owned.commit("Run often")
    following = follow(owned.root, mode="branch")
    assert following.follower.status().quarantined == (POLICY, "one")
    assert (following.names, following.schedule("one")) == (["one", "two"], "0 2 * * *")
    owned.remove(POLICY)
    owned.commit("Ask for nothing")
    owned.write(POLICY, "rules: [")
    owned.commit("Begin again")
    following.follower.sync()
    assert (following.follower.status().quarantined, following.schedule("one")) == ((POLICY,), "*/5 * * * *")


def test_readable_save_of_a_policy_stays_in_force_while_the_next_one_is_broken(
    owned: Repository, follow: Follow
) -> None:
    following = follow(owned.root)
    owned.write(POLICY, "rules: [{id: pace, min_interval: 1h}]\n")
    following.follower.sync()
    owned.write(POLICY, "rules: [")
    owned.write("jobs/one.yaml", job_text("one", schedule="*/5 * * * *"))
    owned.write("jobs/two.yaml", job_text("two"))
    assert following.follower.sync().quarantined == (POLICY, "one")
    assert following.names == ["one", "two"]


def test_rejecting_runner_refuses_a_commit_that_breaks_a_policy(owned: Repository, follow: Follow) -> None:
    following = follow(owned.root, mode="branch", on_invalid="reject")
    owned.write(POLICY, "rules: [")
    owned.write("jobs/one.yaml", OWNED.replace("0 2", "0 3"))
    owned.commit("Break the policy")
    status = following.follower.sync()
    assert (status.state, status.reason) == (SyncState.FAILED, "ValidationFailed")
    assert status.message == f"1 invalid files, nothing was applied: {POLICY}"
    assert following.schedule("one") == "0 2 * * *"


def test_pace_counts_from_the_day_of_the_head(owned: Repository, follow: Follow) -> None:
    """The only day of that year on which the two runs come together is in the past of the second commit."""
    owned.write(POLICY, "rules: [{id: pace, min_interval: 24h}]\n")
    text = job_text("one", schedule="0 2 * * *") + "timezone: Europe/Paris\n"
    owned.write("jobs/one.yaml", text)
    owned.git("add", "--all")
    when = {"GIT_COMMITTER_DATE": "2036-01-01T00:00:00Z"}
    owned.git("commit", "--quiet", "--message", "Look ahead", env=when)
    status = follow(owned.root, mode="branch").follower.status()
    [message] = [problem.message for problem in status.problems if problem.policy]
    assert message.startswith("23h between the runs at 2036-03-30T01:00:00Z")
