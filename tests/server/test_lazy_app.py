"""A runner without a request has imported neither Flask nor templates, nor GitPython for a plain checkout."""

from pathlib import Path

import pytest
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository

AFTER_A_REQUEST = {"flask", "werkzeug", "jinja2", "chronos_gitops.server.web.app", "chronos_gitops.server.api.app"}
ON_DEMAND = {
    "git",
    "httpx",
    "croniter",
    "jsonschema",
    "joserfc",
    "cryptography",
    "psycopg",
    "temporalio",
    "cron_descriptor",
}


def imported(runner: Runner) -> set[str]:
    """As ``-X importtime`` reports them, a module to a line."""
    return {line.rpartition("|")[2].strip() for line in runner.lines if line.startswith("import time:")}


@pytest.mark.timeout(90)
@pytest.mark.parametrize("follow", ["worktree", "branch"])
def test_flask_waits_for_the_first_request(follow: str, tmp_path: Path) -> None:
    repository = Repository.init(tmp_path / "repo")
    repository.write_job("one")
    repository.commit()
    environ = {"PYTHONPROFILEIMPORTTIME": "1"}
    with Runner(str(repository.root), "--follow", follow, data=tmp_path / "data", environ=environ) as runner:
        before = imported(runner)
        assert "asyncio" in before
        assert before & (AFTER_A_REQUEST | ON_DEMAND) == set()
        assert runner.client.get(f"{runner.address}/readyz").status_code == 200
        assert runner.get("/jobs/one")["name"] == "one"
        assert imported(runner) >= AFTER_A_REQUEST
