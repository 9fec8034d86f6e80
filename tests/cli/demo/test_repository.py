"""The demo's repository: real commits, valid jobs, and no address but the receiver's."""

import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chronos_gitops.cli.demo.repository import CLEANUP, DEFAULTS, PARTS, SECRETS, DemoRepository
from chronos_gitops.git.tree import Scanner
from chronos_gitops.jobs.schemas.resources import shipped
from chronos_gitops.jobs.templates import templates
from chronos_gitops.jobs.validation.validate import TreeResult, validate_tree


def url(path: str) -> str:
    return f"http://127.0.0.1:9{path}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, _guarded_environment: None) -> DemoRepository:
    stage = DemoRepository(tmp_path_factory.mktemp("demo") / "repository", url)
    stage.build()
    return stage


@pytest.fixture
def stage(tmp_path: Path) -> DemoRepository:
    stage = DemoRepository(tmp_path / "repository", url)
    stage.build()
    return stage


def loaded(stage: DemoRepository) -> TreeResult:
    return validate_tree(Scanner(stage.folder, "jobs").scan({}))


def test_the_repository_is_one_that_git_itself_reads(built: DemoRepository) -> None:
    log = subprocess.run(["git", "-C", built.folder, "log", "--format=%s"], check=True, capture_output=True, text=True)
    assert log.stdout.splitlines() == [
        "Demo: send every webhook to the local receiver, every few seconds",
        "Add the jobs of growth and security",
        "Add the billing team's jobs",
        "Add the platform team's jobs",
    ]
    status = subprocess.run(
        ["git", "-C", built.folder, "status", "--short"], check=True, capture_output=True, text=True
    )
    assert status.stdout == ""


def test_every_job_of_the_demo_is_valid_and_every_example_takes_part(built: DemoRepository) -> None:
    found = loaded(built)
    assert [str(problem) for problem in found.problems if problem.severity == "error"] == []
    assert set(found.jobs) == {path.stem for path in shipped("jobs.example").glob("[!_]*/[!_]*.yaml")}
    enabled = {name for name, parsed in found.jobs.items() if parsed.job is not None and parsed.job.enabled}
    assert enabled == set(PARTS)


@pytest.mark.parametrize("name", PARTS)
def test_what_fires_stays_on_this_machine_on_time_and_with_its_secrets(name: str, built: DemoRepository) -> None:
    job = loaded(built).jobs[name].job
    assert job is not None
    assert urlsplit(job.webhook.url).netloc == "127.0.0.1:9"
    assert job.timing.definition == PARTS[name].schedule
    assert not job.jitter
    assert not job.timing.has_calendars
    for _, secret in templates.secrets(built.file(name).read_text()):
        assert f"CHRONOS_SECRET_{secret.upper().replace('-', '_')}" in SECRETS


def test_an_edit_is_on_disk_first_and_a_commit_then(stage: DemoRepository) -> None:
    before = stage.log()
    stage.save(CLEANUP, "@every 2s", "@every 1s")
    assert stage.log() == before
    commit = stage.commit("Faster")
    assert stage.log() == [f"{commit} Faster", *before]


def test_an_edit_that_changes_nothing_is_a_mistake_of_the_demo(stage: DemoRepository) -> None:
    with pytest.raises(ValueError, match="does not hold"):
        stage.save(CLEANUP, "@every 77s", "@every 1s")


def test_plan_of_a_default_says_which_jobs_inherit_it(stage: DemoRepository) -> None:
    stage.edit(DEFAULTS, "timeout: 10m", "timeout: 5m")
    counts = "2 jobs; none runs at another time; 1 sets it itself"
    assert stage.plan() == [f"jobs/platform/_defaults.yaml:4  timeout 10m -> 5m: {counts}"]
