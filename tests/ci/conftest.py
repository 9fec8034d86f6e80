"""A repository with a change of one job on a branch, and an installation of pip that needs no network."""

import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
JOB = """\
name: nightly-report
schedule: "@daily"
enabled: true
timeout: 5m
webhook: {url: "https://example.com/report"}
"""


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@example.com", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """On branch ``change``, one commit after ``main``: the job runs each hour."""
    found = tmp_path / "repository"
    (found / "jobs").mkdir(parents=True)
    git(found, "init", "--quiet", "--initial-branch", "main")
    job = found / "jobs/nightly-report.yaml"
    job.write_text(JOB)
    git(found, "add", "--all")
    git(found, "commit", "--quiet", "--message", "Add the report")
    git(found, "switch", "--quiet", "--create", "change")
    job.write_text(JOB.replace("@daily", "@hourly"))
    git(found, "commit", "--quiet", "--all", "--message", "Report each hour")
    return found


@pytest.fixture
def offline_pip() -> dict[str, str]:
    """Dependencies come from the environment of the tests, which has the versions of every lock."""
    return {"PYTHONPATH": sysconfig.get_path("purelib"), "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
