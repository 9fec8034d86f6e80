"""A runner in an environment: which jobs it makes, what it holds, and what it does when the tree has other names."""

from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import Follow, Following
from harness.repositories.repository import Repository, job_text

from chronos_gitops.jobs.layers.value_sources import value_sources
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.sync.status import BrokenLayer, SyncState

BARE = "name: {name}\nschedule: '0 2 * * *'\nwebhook:\n  url: https://hooks.example.com/{name}\n"


@pytest.fixture
def staging(repository: Repository) -> Repository:
    """Jobs ``one`` and ``two``, and a third without its own ``enabled``."""
    repository.write("jobs/a/three.yaml", BARE.format(name="three"))
    repository.write("jobs/a/_defaults.yaml", "enabled: true\ntimeout: 1m\n")
    repository.write("jobs/_environments/staging.yaml", "jitter: 1s\n")
    repository.write("jobs/_environments/production.yaml", "")
    repository.commit("Declare environments")
    return repository


def job(following: Following, name: str) -> JobVersion:
    return following.follower.jobs().definitions[name]


def test_runner_makes_the_jobs_of_its_environment(staging: Repository, follow: Follow) -> None:
    following = follow(staging.root, environment="staging")
    assert [str(one.job.jitter) for one in following.follower.jobs()] == ["0:00:01"] * 3
    assert (job(following, "three").job.enabled, str(job(following, "three").job.timeout)) == (True, "0:01:00")
    assert job(following, "three").identity.environment == "staging"
    assert following.follower.status().state is SyncState.SYNCED


@pytest.mark.parametrize("mode", ["worktree", "branch"])
def test_edit_of_a_layer_reaches_the_jobs_below_it(staging: Repository, follow: Follow, mode: str) -> None:
    following = follow(staging.root, environment="staging", mode=mode)
    staging.write("jobs/a/_defaults.yaml", "enabled: true\ntimeout: 2m\n")
    staging.commit("Take longer")
    following.follower.sync()
    assert str(job(following, "three").job.timeout) == "0:02:00"
    assert not job(following, "three").draft


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ("prod", '"prod" is not declared; there are production, staging'),
        (None, "this runner names no environment; there are production, staging"),
    ],
)
def test_unknown_environment_applies_nothing(
    staging: Repository, follow: Follow, environment: str | None, message: str
) -> None:
    status = follow(staging.root, environment=environment).follower.status()
    assert (status.state, status.reason, status.message) == (SyncState.FAILED, "UnknownEnvironment", message)
    assert (status.jobs, status.has_job_set) == (0, False)


def test_declarations_that_go_away_stop_nothing_also_after_a_restart(
    staging: Repository, follow: Follow, tmp_path: Path
) -> None:
    following = follow(staging.root, data=tmp_path / "same", environment="staging")
    before = following.follower.jobs().definitions
    staging.git("rm", "-rq", "jobs/_environments")
    staging.commit("Remove the declarations")
    for _ in range(2):
        following.follower.sync()
        status = following.follower.status()
        assert status.reason == "UnknownEnvironment"
        assert status.message == 'the repository declares no environment, and this runner names "staging"'
        assert {one.job for one in following.follower.jobs()} == {one.job for one in before.values()}
        following.follower.stop()
        following = follow(staging.root, data=tmp_path / "same", environment="staging")


def test_last_good_state_of_another_environment_is_not_used(
    staging: Repository, follow: Follow, tmp_path: Path
) -> None:
    follow(staging.root, data=tmp_path / "same", environment="staging").follower.stop()
    staging.git("rm", "-rq", "jobs/_environments")
    staging.commit("Remove the declarations")
    assert follow(staging.root, data=tmp_path / "same", environment="production").names == []


def test_broken_layer_keeps_the_jobs_below_it_as_they_are(staging: Repository, follow: Follow) -> None:
    following = follow(staging.root, environment="staging")
    staging.write("jobs/a/_defaults.yaml", "timeout: [")
    staging.write("jobs/a/three.yaml", BARE.format(name="three") + "timezone: Europe/Paris\n")
    staging.write_job("one", schedule="@hourly")
    staging.commit("Break a layer")
    status = following.follower.sync()
    assert (status.state, status.quarantined) == (SyncState.DEGRADED, ("three",))
    assert [problem.file for problem in job(following, "three").quarantined] == ["jobs/a/_defaults.yaml"]
    assert (str(job(following, "three").job.timeout), job(following, "three").job.timezone) == ("0:01:00", "UTC")
    assert job(following, "one").job.timing.definition == "@hourly"
    assert [problem.jobs for problem in status.problems if problem.file == "jobs/a/_defaults.yaml"] == [1]
    assert status.broken_layers == (BrokenLayer("jobs/a/_defaults.yaml", ("three",)),)
    said = "1 invalid job, 1 of them through jobs/a/_defaults.yaml; still on the last good version: three"
    assert status.message == said


def test_job_with_an_error_of_its_own_is_not_counted_under_its_layer(staging: Repository, follow: Follow) -> None:
    following = follow(staging.root, environment="staging")
    staging.write("jobs/_environments/staging.yaml", "jitter: soon\n")
    staging.write("jobs/a/three.yaml", BARE.format(name="three") + "timezone: Mars\n")
    staging.commit("Break a layer and a job")
    status = following.follower.sync()
    assert status.quarantined == ("one", "three", "two")
    assert status.broken_layers == (BrokenLayer("jobs/_environments/staging.yaml", ("one", "two")),)
    assert status.broken_files == ("jobs/_environments/staging.yaml", "three")


def test_error_of_another_environment_stops_nothing_here(staging: Repository, follow: Follow) -> None:
    following = follow(staging.root, environment="staging")
    staging.write("jobs/_environments/production.yaml", "jitter: soon\n")
    staging.write_job("one", schedule="@hourly")
    staging.commit("Break production")
    assert following.follower.sync().quarantined == ()
    assert job(following, "one").job.timing.definition == "@hourly"
    rejecting = follow(staging.root, environment="staging", on_invalid="reject", mode="branch")
    assert rejecting.follower.status().reason == "ValidationFailed"


def test_first_start_on_a_broken_layer_runs_what_was_valid_at_its_own_commit(
    staging: Repository, follow: Follow
) -> None:
    staging.write("jobs/a/_defaults.yaml", "timeout: [")
    staging.commit("Break a layer")
    following = follow(staging.root, environment="staging")
    assert (job(following, "three").job.enabled, str(job(following, "three").job.timeout)) == (True, "0:01:00")
    assert job(following, "three").quarantined


def test_saved_layer_makes_drafts_and_a_comment_makes_none(staging: Repository, follow: Follow) -> None:
    following = follow(staging.root, environment="staging")
    staging.write("jobs/a/_defaults.yaml", "# A comment.\nenabled: true\ntimeout: 1m\n")
    following.follower.sync()
    assert [one.draft for one in following.follower.jobs()] == [False] * 3
    staging.write("jobs/a/_defaults.yaml", "enabled: true\ntimeout: 2m\n")
    following.wait(lambda jobs: str(jobs.definitions["three"].job.timeout) == "0:02:00")
    assert (job(following, "three").draft, job(following, "one").draft) == (True, False)
    assert job(following, "three").draft_files == ("jobs/a/_defaults.yaml",)
    staging.write("jobs/a/three.yaml", BARE.format(name="three") + "timezone: Europe/Paris\n")
    following.wait(lambda jobs: jobs.definitions["three"].job.timezone == "Europe/Paris")
    assert job(following, "three").draft_files == ("jobs/a/three.yaml", "jobs/a/_defaults.yaml")
    (staging.root / "jobs/a/_defaults.yaml").unlink()
    following.wait(lambda jobs: not jobs.definitions["three"].job.enabled)
    assert job(following, "three").draft_files == ("jobs/a/three.yaml", "jobs/a/_defaults.yaml")


def test_a_layer_that_disables_many_jobs_is_held(repository: Repository, follow: Follow) -> None:
    """Ten jobs, all there are: held. Approved: none runs."""
    for name in ("one", "two"):
        repository.remove(f"jobs/{name}.yaml")
    for number in range(10):
        repository.write(f"jobs/job-{number}.yaml", BARE.format(name=f"job-{number}"))
    repository.write("jobs/_defaults.yaml", "enabled: true\n")
    repository.commit("Ten jobs")
    following = follow(repository.root)
    repository.write("jobs/_defaults.yaml", "enabled: false\n")
    repository.commit("Disable them")
    status = following.follower.sync()
    assert (status.reason, len(following.names)) == ("UnsafePlan", 10)
    assert all(one.job.enabled for one in following.follower.jobs())
    assert status.held is not None
    assert (status.held.names, len(status.held.disabled)) == ((), 10)
    following.follower.approve(status.held.checksum)
    assert not any(one.job.enabled for one in following.follower.jobs())


def test_a_layer_that_ends_many_jobs_is_held(repository: Repository, follow: Follow) -> None:
    """An ``end`` that is past stops jobs as well as ``enabled: false`` does; one that is to come does not."""
    for name in ("one", "two"):
        repository.remove(f"jobs/{name}.yaml")
    for number in range(10):
        repository.write(f"jobs/job-{number}.yaml", BARE.format(name=f"job-{number}"))
    repository.write("jobs/_defaults.yaml", "enabled: true\n")
    repository.commit("Ten jobs")
    following = follow(repository.root)
    repository.write("jobs/_defaults.yaml", "enabled: true\nend: 2099-12-31\n")
    repository.commit("End them one day")
    assert following.follower.sync().held is None
    repository.write("jobs/_defaults.yaml", "enabled: true\nend: 2020-12-31\n")
    repository.commit("End them")
    status = following.follower.sync()
    assert status.held is not None
    assert (status.reason, len(status.held.disabled)) == ("UnsafePlan", 10)
    following.follower.approve(status.held.checksum)
    ended = following.follower.sync()
    assert ended.held is None
    assert all(one.job.timing.ended(following.follower.now()) for one in following.follower.jobs())
    repository.write("jobs/_defaults.yaml", "enabled: true\nend: 2020-12-30\n")
    repository.commit("End them earlier")
    assert following.follower.sync().held is None, "they have no runs to come that could be lost"


def test_three_of_twenty_are_disabled_at_once(repository: Repository, follow: Follow) -> None:
    for number in range(18):
        repository.write(f"jobs/a/job-{number}.yaml", job_text(f"job-{number}"))
    for number in range(3):
        repository.write(f"jobs/b/job-b{number}.yaml", BARE.format(name=f"job-b{number}"))
    repository.write("jobs/b/_defaults.yaml", "enabled: true\n")
    repository.commit("Jobs")
    following = follow(repository.root)
    repository.write("jobs/b/_defaults.yaml", "enabled: false\n")
    repository.commit("Disable three")
    assert following.follower.sync().held is None
    assert not job(following, "job-b0").job.enabled


def places(following: Following, name: str) -> dict[str, str]:
    running = job(following, name)
    effective = following.follower.effective(running)
    assert effective is not None
    found = value_sources(effective.document, running.job.document())
    return {field: f"{at.file}:{at.line}:{at.column}" for field, at in found.items()}


@pytest.mark.parametrize("mode", ["worktree", "branch"])
def test_places_are_those_of_the_layers_that_run(staging: Repository, follow: Follow, mode: str) -> None:
    following = follow(staging.root, environment="staging", mode=mode)
    expected = {
        "name": "jobs/a/three.yaml:1:7",
        "schedule": "jobs/a/three.yaml:2:11",
        "webhook.url": "jobs/a/three.yaml:4:8",
        "enabled": "jobs/a/_defaults.yaml:1:10",
        "timeout": "jobs/a/_defaults.yaml:2:10",
        "jitter": "jobs/_environments/staging.yaml:1:9",
    }
    assert places(following, "three") == expected
    staging.write("jobs/a/_defaults.yaml", "# A comment.\nenabled: true\ntimeout: 1m\n")
    staging.commit("Move the lines")
    following.follower.sync()
    moved = {"enabled": "jobs/a/_defaults.yaml:2:10", "timeout": "jobs/a/_defaults.yaml:3:10"}
    assert places(following, "three") == expected | moved
    staging.write("jobs/a/_defaults.yaml", "timeout: [")
    staging.commit("Break a layer")
    following.follower.sync()
    assert job(following, "three").quarantined
    assert places(following, "three") == expected


def test_broken_job_does_not_run_as_another_environment_makes_it(staging: Repository, follow: Follow) -> None:
    """A new environment has no value for a variable: what its commits before say is about other environments."""
    text = BARE.format(name="three").replace("https://hooks.example.com", "${var:api}")
    staging.write("jobs/a/three.yaml", text)
    for name in ("staging", "production"):
        staging.write(f"jobs/_environments/{name}.yaml", f"variables: {{api: https://{name}.example.com}}\n")
    staging.commit("Use a variable")
    staging.write("jobs/_environments/qa.yaml", "")
    staging.commit("Declare another environment")
    following = follow(staging.root, environment="qa")
    assert following.names == ["one", "two"]
    assert following.follower.status().quarantined == ("three",)


@pytest.mark.parametrize("mode", ["worktree", "branch"])
def test_job_that_moves_to_a_reserved_name_runs_on_and_layers_are_never_ignored(
    staging: Repository, follow: Follow, mode: str
) -> None:
    following = follow(staging.root, environment="staging", mode=mode)
    staging.write("jobs/a/.keep", "")
    (staging.root / "jobs/_old").mkdir()
    staging.git("mv", "jobs/a/three.yaml", "jobs/_old/three.yaml")
    staging.commit("Put it away")
    status = following.follower.sync()
    assert [one.rule for one in status.problems if one.file == "jobs/_old/three.yaml"] == ["reserved-name"]
    assert (job(following, "three").job.enabled, str(job(following, "three").job.timeout)) == (True, "0:01:00")
    staging.git("mv", "jobs/_old/three.yaml", "jobs/a/three.yaml")
    staging.write("jobs/.chronosignore", "_*\n")
    staging.commit("Ignore all layers")
    status = following.follower.sync()
    assert (status.state, following.names) == (SyncState.SYNCED, ["one", "three", "two"])
    assert (str(job(following, "three").job.timeout), str(job(following, "three").job.jitter)) == ("0:01:00", "0:00:01")


def test_last_good_state_made_without_an_environment_is_taken_by_any_runner(
    repository: Repository, follow: Follow, tmp_path: Path
) -> None:
    follow(repository.root, data=tmp_path / "same").follower.stop()
    following = follow(repository.root, data=tmp_path / "same", environment="staging")
    assert following.follower.status().reason == "UnknownEnvironment"
    assert following.names == ["one", "two"]


def test_deletion_below_a_broken_layer_counts(staging: Repository, follow: Follow) -> None:
    staging.write("jobs/a/four.yaml", BARE.format(name="four"))
    staging.commit("Add a job")
    following = follow(staging.root, environment="staging")
    staging.write("jobs/a/_defaults.yaml", "timeout: [")
    staging.remove("jobs/a/four.yaml")
    staging.commit("Break a layer and delete a job below it")
    status = following.follower.sync()
    assert (status.quarantined, following.names) == (("three",), ["one", "three", "two"])
