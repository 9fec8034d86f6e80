"""A first job that is valid, checks beside it, and nothing overwritten."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from chronos_gitops.cli.main import main
from chronos_gitops.jobs.schemas.schemas import KINDS
from chronos_gitops.jobs.validation.validate import validate_file
from chronos_gitops.plans.markdown import MARKER

FILES = (
    "jobs/hello-world.yaml",
    *(f"schemas/{kind}.schema.json" for kind in KINDS),
    ".pre-commit-config.yaml",
    ".github/workflows/chronos.yml",
    ".gitlab/chronos.gitlab-ci.yml",
    ".vscode/settings.json",
    ".vscode/extensions.json",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_init_writes_a_job_without_any_finding(folder: Path) -> None:
    assert main(["init"]) == 0
    found = validate_file("jobs/hello-world.yaml", (folder / "jobs/hello-world.yaml").read_bytes())
    assert found.name == "hello-world"
    assert found.job is not None
    assert found.problems == ()


def test_the_modeline_leads_to_the_schema(folder: Path) -> None:
    main(["init"])
    first = (folder / "jobs/hello-world.yaml").read_text().splitlines()[0]
    match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert match is not None
    assert (folder / "jobs" / match[1]).resolve() == folder / "schemas/job.schema.json"


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_overwritten(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("mine\n")
    assert main(["init"]) == 0
    assert (folder / name).read_text() == "mine\n"
    lines = capsys.readouterr().out.splitlines()
    assert f"kept   {name}" in lines
    assert len([line for line in lines if line.startswith("wrote")]) == len(FILES) - 1


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith((".yml", ".yaml"))])
def test_every_file_is_yaml_about_the_chosen_folder(name: str, folder: Path) -> None:
    assert main(["init", "team", "--jobs", "cron"]) == 0
    text = (folder / "team" / name.replace("jobs/", "cron/")).read_text()
    assert yaml.safe_load(text)
    assert "{" not in re.sub(r"\$\{\{.*?\}\}|\{\{\..*?\}\}|\{\"from.*|\"\$BASE\"", "", text)


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith(".vscode")])
def test_files_for_the_editor_are_json_about_the_chosen_folder(name: str, folder: Path) -> None:
    assert main(["init", "--jobs", "cron"]) == 0
    settings = json.loads((folder / name).read_text())
    if "yaml.schemas" in settings:
        for schema, patterns in settings["yaml.schemas"].items():
            assert (folder / schema).is_file()
            assert all(pattern.removeprefix("!").startswith("cron/") for pattern in patterns)


def test_the_workflow_asks_for_no_more_than_it_needs_and_finds_its_own_comment(folder: Path) -> None:
    assert main(["init"]) == 0
    workflow = yaml.safe_load((folder / ".github/workflows/chronos.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in workflow["jobs"]["validate"]
    assert workflow["jobs"]["plan"]["permissions"] == {"contents": "read", "pull-requests": "write"}
    steps = workflow["jobs"]["plan"]["steps"]
    assert not any("${{" in step.get("run", "") for step in steps)  # values in a script are how commands are injected
    assert f'startswith("{MARKER}")' in steps[-1]["run"]
    assert subprocess.run(["sh", "-n"], input=steps[-1]["run"], text=True, check=False).returncode == 0


def test_the_next_steps_name_what_was_chosen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init", "team", "--jobs", "cron"])
    steps = capsys.readouterr().out.partition("Next:\n")[2].split("\n")
    assert "  cd team" in steps
    assert "  git init" in steps
    assert "  chronos-gitops run . --jobs cron" in steps


def test_git_init_is_not_a_step_inside_a_repository(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / ".git").mkdir()
    main(["init"])
    assert "git init" not in capsys.readouterr().out


@pytest.mark.parametrize("jobs", ["../out", "a/b", ".", "a b", "jobs*"])
def test_a_folder_that_is_no_name_is_refused(jobs: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--jobs", jobs]) == 2
    assert "is not the name of a folder" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_environments_are_declared_and_the_job_is_valid_in_each(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--environment", "staging", "--environment", "production"]) == 0
    assert "chronos-gitops run . --environment staging" in capsys.readouterr().out
    assert main(["validate"]) == 0
    assert capsys.readouterr().out == "Checked 3 files: no problems.\n"
    for name in ("staging", "production"):
        assert f"https://{name}.example.com" in (folder / f"jobs/_environments/{name}.yaml").read_text()
        assert main(["next", "hello-world", "--environment", name]) == 0
    owners = (folder / ".github/CODEOWNERS").read_text().splitlines()
    assert all(line.startswith("#") for line in owners)
    assert any("/jobs/_environments/" in line for line in owners)


def test_environment_with_a_bad_name_is_refused(folder: Path) -> None:
    assert main(["init", "--environment", "Staging!"]) == 2
    assert not list(folder.iterdir())
