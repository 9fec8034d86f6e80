"""The guides about what a job owes are true: their files are valid, and their commands print what stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness.processes.subprocess_runner import Runner, run

HOW_TO = Path(__file__).parents[2] / "docs/how-to"
PAGES = {name: (HOW_TO / f"{name}.md").read_text() for name in ("expect", "wait-for-another-job", "preflight")}


def jobs_of(page: str, folder: Path) -> list[str]:
    """The job files of a page, written below ``jobs/``."""
    blocks = [text for text in re.findall(r"^```yaml\n(.*?)^```$", PAGES[page], re.M | re.S) if "\nschedule:" in text]
    names = [str(re.search(r"^name: (\S+)$", text, re.M)[1]) for text in blocks]  # type: ignore[index]  # each has one
    (folder / "jobs").mkdir(parents=True)
    for name, text in zip(names, blocks, strict=True):
        (folder / f"jobs/{name}.yaml").write_text(text)
    return names


@pytest.mark.parametrize("page", ["expect", "wait-for-another-job"])
def test_the_job_files_of_a_page_have_no_error_and_no_warning(page: str, tmp_path: Path) -> None:
    assert jobs_of(page, tmp_path)
    found = run("validate", "jobs", "--strict", cwd=tmp_path)
    assert (found.returncode, found.stderr) == (0, ""), found.stdout


def test_the_page_about_gates_prints_what_validate_does(tmp_path: Path) -> None:
    jobs_of("wait-for-another-job", tmp_path)
    [(command, printed)] = re.findall(r"^\$ chronos-gitops (.*)\n(.*)\n```$", PAGES["wait-for-another-job"], re.M)
    assert run(*command.split(), cwd=tmp_path).stdout.strip().endswith(printed)


@pytest.mark.timeout(90)
def test_the_commands_of_the_page_about_preflights_run(tmp_path: Path, data_folder: Path) -> None:
    """Takes some seconds: a runner, whose target does not listen."""
    repo = tmp_path / "repo"
    jobs_of("expect", repo)
    file = repo / "jobs/daily-backup.yaml"
    file.write_text(file.read_text().replace("https://backup.example.com/run", "http://127.0.0.1:1/run"))
    subprocess.run(["git", "init", "-q", str(repo)], check=True)
    commands = re.findall(r"^chronos-gitops (preflight[^#\n]*)", PAGES["preflight"], re.M)
    assert len(commands) == 2
    with Runner(str(repo), data=data_folder) as runner:
        for command in commands:
            program = [sys.executable, "-m", "chronos_gitops", *command.split(), "--server", runner.address]
            done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=60)
            assert done.returncode == 1, done.stderr
            assert "connect  fail    no connection to 127.0.0.1:1" in done.stdout
        settings = str(re.search(r"^```toml\n(.*?)^```$", PAGES["preflight"], re.M | re.S)[1])  # type: ignore[index]  # there is one
    (tmp_path / "chronos.toml").write_text(settings)
    checked = run("config", "check", "--config", "chronos.toml", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
