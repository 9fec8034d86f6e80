"""The modules that a runner has imported when it is ready, and those that wait for a request or a webhook."""

from pathlib import Path

import pytest
from harness.engine_harness import eventually
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository

NEXT_LEAP_DAY, EACH_MINUTE = "0 0 29 2 *", "* * * * *"
AFTER_A_REQUEST = {"flask", "werkzeug", "jinja2", "chronos_gitops.server.web.app", "chronos_gitops.server.api.app"}
BEFORE_A_WEBHOOK = {"aiohttp", "prometheus_client", "chronos_gitops.webhooks.transport.http_client"}
MOST_MODULES = 525
"""Of the package itself. A runner of one job has imported 522; each takes 0.1 ms and 20 kB."""
ON_DEMAND = {
    "smtplib",
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


def started(follow: str, schedule: str, folder: Path) -> Runner:
    repository = Repository.init(folder / "repo")
    repository.write_job("one", schedule=schedule)
    repository.commit()
    followed = repository.bare(folder / "bare.git") if follow == "bare" else repository
    chosen = () if follow == "bare" else ("--follow", follow)
    environ = {"PYTHONPROFILEIMPORTTIME": "1"}
    return Runner(str(followed.root), *chosen, data=folder / "data", environ=environ)


@pytest.mark.timeout(90)
@pytest.mark.parametrize("follow", ["worktree", "branch", "bare"])
def test_flask_waits_for_a_request_and_aiohttp_for_a_webhook(follow: str, tmp_path: Path) -> None:
    with started(follow, NEXT_LEAP_DAY, tmp_path) as runner:
        before = imported(runner)
        assert "asyncio" in before
        assert before & (AFTER_A_REQUEST | BEFORE_A_WEBHOOK | ON_DEMAND) == set()
        assert sum(name.startswith("chronos_gitops") for name in before) <= MOST_MODULES
        assert runner.client.get(f"{runner.address}/readyz").status_code == 200
        assert runner.get("/jobs/one")["name"] == "one"
        assert imported(runner) >= AFTER_A_REQUEST
        assert "aiohttp" not in imported(runner)


@pytest.mark.timeout(90)
def test_the_client_is_loaded_before_a_webhook_is_due(tmp_path: Path) -> None:
    with started("branch", EACH_MINUTE, tmp_path) as runner:
        assert eventually(lambda: imported(runner) >= BEFORE_A_WEBHOOK)
