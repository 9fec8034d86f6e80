"""``layers extract --environment``: from a folder of copies for each environment to jobs with environments."""

import json
import re
from pathlib import Path

import pytest
from harness.repositories.copies import company
from harness.repositories.repository import Repository

from chronos_gitops.cli.checkout.local_files import LocalFiles, job_files
from chronos_gitops.cli.main import main
from chronos_gitops.jobs.model import digest_of
from chronos_gitops.jobs.validation.validate import validate_tree

FOLD = ["layers", "extract", "--environment", "production=jobs/production", "--environment", "staging=jobs/staging"]
JOB = """\
name: {name}
schedule: "{schedule}"
enabled: {enabled}
timeout: 30s
webhook:
  url: https://{host}.example.com/v1/settle
"""
OTHER = JOB.format(name="other", schedule="@daily", enabled="true", host="a")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    found = Repository.init(tmp_path / "repo")
    monkeypatch.chdir(found.root)
    return found


def jobs(environment: str | None = None, folder: str = "jobs") -> dict[str, dict[str, object]]:
    """By name without the environment."""
    tree = validate_tree(LocalFiles(job_files(Path(folder), folder), folder), environment=environment)
    assert not [one for one in tree.problems if one.severity == "error"]
    return {name: parsed.job.document() for name, parsed in tree.jobs.items() if parsed.job is not None}


def files() -> list[Path]:
    return sorted(path for path in Path().rglob("*.yaml"))


def lines() -> int:
    return sum(path.read_text().count("\n") for path in files())


def write(repository: Repository, folder: str, name: str, extra: str = "", **values: str) -> None:
    given = {"name": name, "schedule": "0 2 * * *", "enabled": "true", "host": "api", **values}
    repository.write(f"{folder}/{name}.yaml", JOB.format(**given) + extra)


def test_eighty_copies_become_forty_jobs_with_environments(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    company(repository)
    before = jobs()
    assert (len(files()), lines()) == (80, 1520)
    assert main(FOLD) == 0
    told = capsys.readouterr().out
    assert "80 files with 1,520 lines -> 47 files with 375 lines; every effective job is the same but for" in told
    assert (len(files()), len(list(Path("jobs").rglob("[a-z]*-*.yaml")))) == (47, 40)
    assert lines() == 375
    for environment in ("production", "staging"):
        here = {
            name.removesuffix(f"-{environment}"): document | {"name": name.removesuffix(f"-{environment}")}
            for name, document in before.items()
            if name.endswith(environment)
        }
        assert {name: digest_of(one) for name, one in jobs(environment).items()} == {
            name: digest_of(one) for name, one in here.items()
        }
    one = Path("jobs/billing/billing-00.yaml").read_text()
    assert one.startswith("# Job 0 of production.\nname: billing-00\n")
    assert one.endswith('url: "${var:api}/v1/billing-00-${var:environment}"\n# Job 0 of staging.\n')
    assert "enabled: false" in Path("jobs/_environments/staging.yaml").read_text()
    assert main(["validate"]) == 0
    assert main(["layers", "extract"]) == 3, "nothing is left to share"


ADDRESS = "name: {}\nschedule: '@daily'\nenabled: true\ntimeout: 30s\nwebhook: {{url: '{}'}}\n"


def fold_urls(repository: Repository, *urls: tuple[str, str]) -> dict[str, list[str]]:
    """Folds jobs with these urls in production and staging, which stay what they are; the urls of each environment."""
    for number, pair in enumerate(urls):
        for environment, url in zip(("production", "staging"), pair, strict=True):
            name = f"job-{number}-{environment}"
            repository.write(f"jobs/{environment}/{name}.yaml", ADDRESS.format(name, url))
    assert main(FOLD) == 0
    found = {one: [job["webhook"]["url"] for job in jobs(one).values()] for one in ("production", "staging")}  # type: ignore[index]
    assert [*zip(found["production"], found["staging"], strict=True)] == [*urls]
    return found


def texts() -> dict[str, str]:
    return {path.stem: path.read_text() for path in files()}


def test_hosts_that_differ_in_the_same_way_become_a_variable_of_each_environment(repository: Repository) -> None:
    fold_urls(
        repository,
        ("https://api.example/a", "https://api.staging.example/a"),
        ("https://api.example/b?x=1", "https://api.staging.example/b?x=1"),
        ("https://pay.example:8443/c", "http://pay.staging.example/c"),
        ("https://pay.example:8443/d", "http://pay.staging.example/d"),
        ("https://once.example/e", "https://once.staging.example/e"),
        ("https://api.example/f", "https://api.staging.example/other"),
        ("https://same.example/g", "https://same.example/g"),
    )
    found = texts()
    assert 'variables:\n  api: https://api.example\n  pay: "https://pay.example:8443"\n' in found["production"]
    assert "variables:\n  api: https://api.staging.example\n  pay: http://pay.staging.example\n" in found["staging"]
    assert "${var:api}/b?x=1" in found["job-1"]
    assert "${var:pay}/d" in found["job-3"]
    assert all("environments" not in found[f"job-{number}"] for number in (0, 1, 2, 3, 6))
    assert all("${var" not in found[f"job-{number}"] for number in (4, 5, 6))


def test_the_name_of_the_environment_in_a_path_becomes_a_variable(repository: Repository) -> None:
    fold_urls(
        repository,
        ("https://a.example/production/a", "https://a.example/staging/a"),
        ("https://a.example/b-production", "https://a.example/b-staging"),
        ("https://a.example/reproduction/c", "https://a.example/restaging/c"),
    )
    found = texts()
    assert "environment: staging" in found["staging"]
    assert "https://a.example/${var:environment}/a" in found["job-0"]
    assert "${var" not in found["job-2"]


def test_a_variable_of_the_jobs_keeps_its_name_and_value(repository: Repository) -> None:
    for environment, host in (("production", "api.example"), ("staging", "api.staging.example")):
        for number in range(2):
            name, url = f"job-{number}-{environment}", f"https://{host}/${{var:api}}/${{var:environment}}"
            text = ADDRESS.format(name, url) + "variables: {api: mine, environment: other}\n"
            repository.write(f"jobs/{environment}/{name}.yaml", text)
    assert main(FOLD) == 0
    for environment, host in (("production", "api.example"), ("staging", "api.staging.example")):
        urls = {job["webhook"]["url"] for job in jobs(environment).values()}  # type: ignore[index]
        assert urls == {f"https://{host}/mine/other"}
    assert "api-2: https://api.staging.example" in texts()["staging"]


def test_dry_run_of_a_fold_writes_nothing(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    company(repository)
    before = {path: path.read_text() for path in files()}
    assert main([*FOLD, "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert '+  url: "${var:api}/v1/billing-00-${var:environment}"' in told
    assert "80 jobs lost the environment in the name, like billing-00-production -> billing-00." in told
    assert told.endswith("Nothing was written.\n")
    assert main([*FOLD, "--dry-run", "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["jobs"], shown["file_count"]) == (40, {"before": 80, "after": 47})
    assert sum(1 for one in shown["files"] if one["after"] is None) == 80
    assert {path: path.read_text() for path in files()} == before


def test_every_comment_stays(repository: Repository) -> None:
    write(repository, "jobs/production", "settle", "# Ask billing first.\ntags: {team: a}  # all\n")
    write(repository, "jobs/staging", "settle-staging", "# Ask nobody.\ntags: {team: b}  # of staging\n")
    before = sorted(one for path in files() for one in re.findall(r"#.*", path.read_text()))
    assert main(FOLD) == 0
    after = [one for path in files() for one in re.findall(r"#.*", path.read_text())]
    assert sorted(one for one in after if "Declares" not in one) == before


@pytest.mark.parametrize(
    ("production", "staging", "reason"),
    [
        ({"schedule": "H 2 * * *"}, {"schedule": "H 2 * * *"}, "its schedule has H"),
        ({"host": "{{.JobName}}.a"}, {"host": "{{.JobName}}.b"}, "it sends its name"),
        ({"extra": "description: One\n"}, {"extra": "description: Two\n"}, "the descriptions differ"),
    ],
)
def test_jobs_that_cannot_be_folded_stay_apart_with_the_reason(
    repository: Repository,
    production: dict[str, str],
    staging: dict[str, str],
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(repository, "jobs/production", "settle", **production)
    write(repository, "jobs/staging", "settle-staging", **staging)
    assert main(FOLD) == 0
    told = capsys.readouterr().out
    assert f"jobs/production/settle.yaml stays a file of its own: {reason}" in told
    assert f"jobs/staging/settle-staging.yaml stays a file of its own: {reason}" in told
    for environment, name in (("production", "settle"), ("staging", "settle-staging")):
        found = jobs(environment)
        assert [one for one, document in found.items() if document["enabled"]] == [name]


def test_a_job_of_one_environment_is_disabled_in_the_others(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("jobs/production", "jobs/staging"):
        write(repository, folder, "settle")
    Path("jobs/staging/settle.yaml").unlink()
    write(repository, "jobs/staging", "try-out")
    assert main(FOLD) == 0
    assert "jobs/staging/try-out.yaml stays a file of its own: staging alone has it" in capsys.readouterr().out
    assert {name: one["enabled"] for name, one in jobs("production").items()} == {"settle": True, "try-out": False}
    assert {name: one["enabled"] for name, one in jobs("staging").items()} == {"settle": False, "try-out": True}


def test_jobs_folders_of_their_own_keep_their_names(repository: Repository) -> None:
    for environment, host in (("production", "api"), ("staging", "test")):
        for name in ("settle", "report", "close"):
            write(repository, environment, name, host=f"{host}-{name}", enabled=str(host == "api").lower())
    before = {environment: jobs(folder=environment) for environment in ("production", "staging")}
    assert (
        main(["layers", "extract", "--environment", "production=production", "--environment", "staging=staging"]) == 0
    )
    assert {environment: jobs(environment) for environment in before} == before
    assert not Path("staging").exists()
    assert Path("jobs/settle.yaml").exists()


def test_jobs_that_require_each_other_still_do(repository: Repository) -> None:
    gate = "requires: {{job: load-{0}, success_within: 1h}}\n"
    for environment in ("production", "staging"):
        write(repository, f"jobs/{environment}", f"load-{environment}", host="a")
        write(repository, f"jobs/{environment}", f"settle-{environment}", gate.format(environment), host="a")
    assert main(FOLD) == 0
    assert jobs("staging")["settle"]["requires"]["job"] == "load"  # type: ignore[index]


def test_the_line_for_editors_follows_the_file(repository: Repository) -> None:
    for environment in ("production", "staging"):
        text = "# yaml-language-server: $schema=../../../schemas/job.schema.json\n" + JOB
        values = {"name": "settle", "schedule": "@daily", "enabled": "true", "host": "a"}
        values["name"] += f"-{environment}"
        repository.write(f"jobs/{environment}/a/settle.yaml", text.format(**values))
    assert main(FOLD) == 0
    assert Path("jobs/a/settle.yaml").read_text().startswith("# yaml-language-server: $schema=../../schemas/job.")
    head = "# yaml-language-server: $schema=../../schemas/environment.schema.json\n"
    assert Path("jobs/_environments/staging.yaml").read_text().startswith(head)


@pytest.mark.parametrize(
    ("path", "text", "sentence"),
    [
        (
            "jobs/other.yaml",
            JOB.format(name="other", schedule="@daily", enabled="true", host="a"),
            "none of the folders",
        ),
        ("jobs/staging/_defaults.yaml", "jitter: 1s\n", "holds for the jobs of one folder"),
        ("jobs/_environments/staging.yaml", "", "declare environments already: staging"),
        ("jobs/staging/wrong.yaml", "name: wrong\n", "the files have errors"),
    ],
)
def test_trees_that_cannot_be_folded_are_refused(
    repository: Repository, path: str, text: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for environment in ("production", "staging"):
        write(repository, f"jobs/{environment}", f"settle-{environment}")
    repository.write(path, text)
    before = {one: one.read_text() for one in files()}
    assert main(FOLD) == 1
    assert sentence in capsys.readouterr().err
    assert {one: one.read_text() for one in files()} == before


@pytest.mark.parametrize("given", ["staging", "staging=jobs/none", "staging=jobs", "staging=jobs/production"])
def test_wrong_folders_are_usage_errors(repository: Repository, given: str) -> None:
    write(repository, "jobs/production", "settle")
    assert main(["layers", "extract", "--environment", "production=jobs/production", "--environment", given]) == 2
