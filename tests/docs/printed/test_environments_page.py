"""The page about environments is true: its files are valid together, and its commands show what they should."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository

from chronos_gitops.cli.main import main
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.sync.status import SyncState

PAGE = Path(__file__).parents[3] / "docs/how-to/use-environments.md"
_FILE = re.compile(r"^```yaml\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    found = Repository.init(tmp_path / "repo")
    for path, text in _FILE.findall(PAGE.read_text()):
        found.write(path, text)
    found.commit("As the page says")
    monkeypatch.chdir(found.root)
    return found


def test_commands_of_the_page_end_well_and_show_what_it_says(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """Line by line; of outputs the lines that the page has."""
    commands = 0
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        shown = ""
        for line in block.splitlines():
            if line.startswith("$ chronos-gitops "):
                capsys.readouterr()
                assert main(shlex.split(line)[2:]) == ExitCode.FINE, line
                shown = capsys.readouterr().out
                commands += 1
            elif line.startswith("$ "):
                subprocess.run(line[2:], shell=True, cwd=repository.root, check=True)
            else:
                assert line in shown.splitlines(), line
    assert commands == 6


def test_lines_of_the_effective_job_are_those_it_shows(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    command, lines = re.findall(r"^\$ chronos-gitops (show .*)\n((?:[^`\n].*\n)+)", PAGE.read_text(), re.MULTILINE)[0]
    assert main(command.split()) == ExitCode.FINE
    assert len(lines.splitlines()) == 3
    assert set(lines.splitlines()) <= set(capsys.readouterr().out.splitlines())


def test_environments_of_the_page_differ_as_it_says(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    next_runs = ["next", "nightly-settlement", "--after", "2026-06-01T00:10:00Z", "--count", "1", "--format", "json"]
    found = {}
    for environment in ("staging", "production"):
        assert main([*next_runs, "--environment", environment]) == ExitCode.FINE
        found[environment] = json.loads(capsys.readouterr().out)["items"]
    assert found == {"staging": ["2026-06-01T01:00:00Z"], "production": ["2026-06-02T00:00:00Z"]}


def test_example_is_valid_planned_and_followed_in_both_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], follow: Follow
) -> None:
    example = Repository.init(tmp_path / "example")
    example.commit("Nothing yet")
    shutil.copytree(PAGE.parents[1] / "examples/environments", example.root, dirs_exist_ok=True)
    monkeypatch.chdir(example.root)
    assert main(["validate"]) == ExitCode.FINE
    assert capsys.readouterr().out == "Checked 7 files: no problems.\n"
    assert main(["plan", "--format", "json"]) == ExitCode.FINE
    planned = json.loads(capsys.readouterr().out)["by_environment"]
    assert {name: (one["jobs"], one["enabled"]) for name, one in planned.items()} == {
        "production": (3, 3),
        "staging": (3, 1),
    }
    example.commit("Add jobs")
    for environment, host in (("production", "api"), ("staging", "staging")):
        following = follow(example.root, data=tmp_path / environment, environment=environment)
        jobs = following.follower.jobs().definitions
        assert jobs["weekly-report"].job.webhook.url == f"https://{host}.example.com/reports"
        assert jobs["nightly-settlement"].job.timing.definition == ("0 4 * * *" if host == "api" else "@hourly")
        assert following.follower.status().state is SyncState.SYNCED
