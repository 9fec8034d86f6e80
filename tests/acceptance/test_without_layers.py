"""A repository without layers is what it was before there were any: versions, digests, answers and rollback commits.

``golden/without_layers.json`` was written by the release before. Fields that came since are not compared.
``TEST_GOLDEN=write`` writes it anew, and a reviewer should ask why.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, job_yaml, settings_of
from harness.clock import HandClock

from chronos_gitops.app import build
from chronos_gitops.jobs.validation.validate import validate_file
from chronos_gitops.service import Service

_ROOT: Final = Path(__file__).parents[2]
_GOLDEN: Final = Path(__file__).parent / "golden" / "without_layers.json"
_CASES: Final = _ROOT / "tests" / "jobs" / "validation" / "cases"
_PER_REQUEST: Final = re.compile(r"^(?:Chronos-Request-Id|parent)\b.*\n", re.MULTILINE)
_NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
_URL: Final = "http://127.0.0.1:9"


class _Dated(Checkout):
    """Commits have fixed times, so that their ids are fixed too."""

    _minute = 0

    def commit(self, message: str) -> str:
        self._minute += 1
        when = f"2026-01-01T00:{self._minute:02}:00Z"
        dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
        self.git("add", "-A")
        command = ["git", "-C", str(self.path), "commit", "-q", "--allow-empty", "-m", message]
        subprocess.run(command, check=True, env=os.environ | dates)
        return self.git("rev-parse", "HEAD").strip()


@pytest.fixture
def checkout(tmp_path: Path) -> _Dated:
    """Edits, a move, a copy of a name, a deletion and a return, a broken file, formatting, and the example jobs."""
    found = _Dated(tmp_path / "repo")
    shutil.copytree(_GOLDEN.parent / "jobs", found.path / "jobs" / "example")
    (found.path / "jobs" / ".chronosignore").write_text("ignored.yaml\n")
    tags = {"team": "backend"}
    headers = {"X-Team": "a", "x-run": "{{.ExecutionID}}"}
    found.write("ignored", "name: [")
    found.write("nightly-backup", job_yaml("nightly-backup", f"{_URL}/1", tags=tags))
    found.write("hourly-sync", job_yaml("hourly-sync", f"{_URL}/sync", schedule="H * * * *", timeout="30s"))
    found.write("retired-job", job_yaml("retired-job", _URL))
    found.commit("Add jobs")
    found.write("nightly-backup", job_yaml("nightly-backup", f"{_URL}/2", tags=tags, timezone="Europe/Paris"))
    found.remove("retired-job")
    found.commit("Move the backup to Paris, retire a job")
    found.write("hourly-sync", job_yaml("hourly-sync", f"{_URL}/sync", schedule="H * * * *", timeout="30s") + "\n\n")
    found.write("copy", job_yaml("nightly-backup", f"{_URL}/copy"))
    found.commit("Blank lines, and a second file of one name")
    found.git("mv", "jobs/nightly-backup.yaml", "jobs/example/nightly-backup.yaml")
    found.remove("copy")
    found.commit("Move a file")
    webhook = {"url": f"{_URL}/r", "headers": headers, "auth": {"type": "hmac", "secret": "${secret:pay}"}}
    found.write("retired-job", job_yaml("retired-job", _URL, webhook=webhook, retry_policy={"max_attempts": 1}))
    found.write("hourly-sync", "name: hourly-sync\nschedule: nonsense\n")
    found.commit("Bring a job back, break another")
    return found


@pytest.fixture
def service(checkout: _Dated, tmp_path: Path) -> Iterator[Service]:
    with build(settings_of(checkout, tmp_path / "data"), clock=HandClock(_NOW)) as found:
        yield found


def test_repository_without_layers_is_what_it_was(service: Service, checkout: _Dated) -> None:
    found = _observed(service, app_of(service).test_client(), checkout)
    if os.environ.get("TEST_GOLDEN") == "write":
        _GOLDEN.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    golden = json.loads(_GOLDEN.read_text())
    assert _as_far_as(golden, json.loads(json.dumps(found))) == golden


def _observed(service: Service, client: FlaskClient, checkout: _Dated) -> dict[str, Any]:
    index = service.follower.index()
    names = sorted(index.jobs())
    found: dict[str, Any] = {
        "versions": {
            name: [[v.number, v.commit, v.blob, v.path, v.change.value, v.file_stays] for v in index.versions(name)]
            for name in names
        },
        "digests": {one.job.name: one.job.digest for one in service.jobs()},
        "documents": {one.job.name: one.job.document() for one in service.jobs()},
        "cases": {str(file.relative_to(_CASES)): _judged(file) for file in sorted(_CASES.rglob("*.yaml"))},
        "answers": {path: client.get(path).get_json() for path in _paths(service)},
        "definitions": {
            one.job.name: client.get(f"/api/v1/jobs/{one.job.name}").headers["ETag"].partition("-")[0]
            for one in service.jobs()
        },
    }
    for name, version in (("nightly-backup", 1), ("hourly-sync", 1), ("retired-job", 1)):
        answer = client.post(f"/api/v1/jobs/{name}/rollback/{version}", json={"reason": "golden"})
        commit = checkout.git("cat-file", "commit", "HEAD")
        found[f"rollback of {name}"] = [answer.get_json() | {"commit": None}, _PER_REQUEST.sub("", commit)]
    found["restored"] = checkout.git("ls-tree", "-r", "HEAD")
    return found


def _paths(service: Service) -> list[str]:
    jobs = [f"/api/v1/jobs/{definition.job.name}" for definition in service.jobs()]
    versions = [f"{job}/versions" for job in jobs]
    return ["/api/v1/jobs", *jobs, *versions, *(f"{job}/1" for job in versions)]


def _judged(file: Path) -> list[Any]:
    parsed = validate_file(file.name, file.read_bytes())
    return [None if parsed.job is None else parsed.job.digest, [problem.rule for problem in parsed.problems]]


def _as_far_as(golden: Any, found: Any) -> Any:
    """The findings, without fields that the golden file lacks."""
    if isinstance(golden, dict) and isinstance(found, dict):
        return {key: _as_far_as(golden[key], value) for key, value in found.items() if key in golden}
    if isinstance(golden, list) and isinstance(found, list) and len(golden) == len(found):
        return [_as_far_as(one, other) for one, other in zip(golden, found, strict=True)]
    return found
