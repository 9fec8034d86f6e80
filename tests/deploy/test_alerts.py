"""Every alert fires for a real cause and clears when it is gone: a real Prometheus scrapes real runners."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from harness.processes.subprocess_runner import Runner
from harness.programs.faketime import SteppedClock
from harness.programs.prometheus import MONITORING, Prometheus
from harness.programs.tools import tool
from harness.repositories.repository import Repository
from harness.serving import serving

JOB = """\
name: {name}
schedule: {schedule}
timezone: UTC
enabled: true
tags: {{team: backend}}
webhook: {{url: "{url}"}}
retry_policy: {{max_attempts: 1}}
"""

pytestmark = pytest.mark.timeout(400)


class Target(ThreadingHTTPServer):
    """Answers every request with ``status``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.status = 200
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: Target

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/slow":
            threading.Event().wait(1.5)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def target() -> Iterator[Target]:
    with serving(Target()) as found:
        yield found


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    with Prometheus() as found:
        yield found


@pytest.fixture
def repository(tmp_path: Path, target: Target) -> Repository:
    """Five jobs; one runs every second."""
    found = Repository.init(tmp_path / "repository")
    found.write("jobs/each-second.yaml", JOB.format(name="each-second", schedule='"@every 1s"', url=target.url))
    for number in range(4):
        found.write_job(f"nightly-{number}")
    found.commit()
    return found


def runner(repository: Repository, tmp_path: Path, *options: str, **more: object) -> Runner:
    return Runner(str(repository.root), "--interval", "1s", *options, data=tmp_path / "data", **more)  # type: ignore[arg-type]


def test_a_target_that_fails(prometheus: Prometheus, target: Target, repository: Repository, tmp_path: Path) -> None:
    job = repository.root / "jobs/each-second.yaml"
    repository.write("jobs/each-second.yaml", f"{job.read_text()}expect: {{success_every: 3s}}\n")
    slow = JOB.format(name="slow", schedule='"@every 1s"', url=f"{target.url}/slow")
    repository.write("jobs/slow.yaml", slow)
    repository.commit()
    remote = repository.bare(tmp_path / "remote.git")
    (tmp_path / "url").write_text(f"{target.url}/notify")
    (tmp_path / "chronos.toml").write_text(
        f'[[notify]]\nname = "oncall"\ntype = "webhook"\nurl_file = "{tmp_path}/url"\n'
    )
    alerts = (
        *("ChronosJobFailing", "ChronosJobNotSucceeding", "ChronosHighFailureRatio", "ChronosWebhookHostDown"),
        *("ChronosNotificationsFailing", "ChronosExpectationBroken"),
    )
    settings = ("--config", str(tmp_path / "chronos.toml"), "--interval", "1s")
    with Runner(f"file://{remote.root}", *settings, data=tmp_path / "data") as found:
        prometheus.scrape(found.address)
        prometheus.until(lambda: prometheus.query('chronos_executions_total{status="success"} > 1'), "it succeeds")
        target.status = 500
        prometheus.until_firing(*alerts)
        assert "each-second" in {one["job_name"] for one in prometheus.firing()["ChronosJobFailing"]}
        assert {one["tag_team"] for one in prometheus.firing()["ChronosJobFailing"]} == {"backend"}
        assert {one["host"] for one in prometheus.firing()["ChronosWebhookHostDown"]} == {target.url[7:]}
        every_panel_has_data(prometheus)
        target.status = 200
        prometheus.until_clear(*alerts)
        prometheus.until(lambda: prometheus.firing() == {}, "nothing fires")


def every_panel_has_data(prometheus: Prometheus) -> None:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for query in panel["targets"]:
            expression = query["expr"].replace("$job", ".*")
            prometheus.until(lambda: prometheus.query(expression), f"{panel['title']} shows something")  # noqa: B023


def test_files_that_are_invalid_and_files_that_vanish(
    prometheus: Prometheus, repository: Repository, tmp_path: Path
) -> None:
    good = (repository.root / "jobs/nightly-0.yaml").read_text()
    with runner(repository, tmp_path) as found:
        prometheus.scrape(found.address)
        found.until("/sync", lambda sync: sync["state"] == "synced")
        repository.write("jobs/nightly-0.yaml", good.replace("schedule:", "schedul:"))
        prometheus.until_firing("ChronosJobsQuarantined")
        repository.write("jobs/nightly-0.yaml", good)
        prometheus.until_clear("ChronosJobsQuarantined")
        for number in range(4):
            (repository.root / f"jobs/nightly-{number}.yaml").unlink()
        prometheus.until_firing("ChronosDeletionsHeld")
        repository.git("checkout", "--", "jobs")
        prometheus.until_clear("ChronosDeletionsHeld")
        prometheus.until(lambda: prometheus.firing() == {}, "nothing fires")


def test_commits_that_are_refused_and_a_remote_that_is_away(
    prometheus: Prometheus, repository: Repository, tmp_path: Path
) -> None:
    remote = repository.bare(tmp_path / "remote.git")
    with Runner(f"file://{remote.root}", "--on-invalid", "reject", "--interval", "1s", data=tmp_path / "data") as found:
        prometheus.scrape(found.address)
        found.until("/sync", lambda sync: sync["state"] == "synced")
        repository.write("jobs/nightly-0.yaml", "name: [\n")
        repository.commit()
        repository.push()
        prometheus.until_firing("ChronosConfigReloadFailed", "ChronosCommitsBehind")
        repository.git("revert", "--no-edit", "HEAD")
        repository.push()
        prometheus.until_clear("ChronosConfigReloadFailed", "ChronosCommitsBehind")
        away = remote.root.rename(tmp_path / "away.git")
        prometheus.until_firing("ChronosGitStale")
        away.rename(remote.root)
        prometheus.until_clear("ChronosGitStale")


def test_a_runner_that_stands_still_is_down(prometheus: Prometheus, repository: Repository, tmp_path: Path) -> None:
    with runner(repository, tmp_path) as found:
        prometheus.scrape(found.address)
        prometheus.until(lambda: prometheus.query("chronos_build_info"), "it is scraped")
        prometheus.until_clear("ChronosDown")  # it fires until the first scrape
        found.process.send_signal(signal.SIGSTOP)
        try:
            prometheus.until_firing("ChronosDown")
        finally:
            found.process.send_signal(signal.SIGCONT)  # one that stands still does not end
        prometheus.until_clear("ChronosDown")


def test_a_ledger_that_cannot_be_written(prometheus: Prometheus, repository: Repository, tmp_path: Path) -> None:
    with runner(repository, tmp_path) as found:
        prometheus.scrape(found.address)
        (ledger,) = (tmp_path / "data").rglob("ledger.db")
        with sqlite3.connect(ledger, isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            prometheus.until_firing("ChronosEngineDown")
            other.execute("ROLLBACK")
        prometheus.until_clear("ChronosEngineDown")


def test_a_scheduler_that_hangs(prometheus: Prometheus, repository: Repository, tmp_path: Path) -> None:
    with runner(repository, tmp_path, environ={"CHRONOS_FAILPOINT": "after-claim:hang"}) as found:
        prometheus.scrape(found.address)
        prometheus.until_firing("ChronosSchedulerStalled")
        found.kill()
    with runner(repository, tmp_path) as again:
        prometheus.scrape(again.address)
        prometheus.until_clear("ChronosSchedulerStalled")


def test_runs_that_were_missed(prometheus: Prometheus, repository: Repository, tmp_path: Path) -> None:
    """An hour in which no runner worked: the first one works an hour ago."""
    clock = SteppedClock(tmp_path)
    clock.step_to(-3600)
    job = repository.root / "jobs/each-second.yaml"
    repository.write("jobs/each-second.yaml", f"{job.read_text()}missed_run_policy: ignore\n")
    with runner(repository, tmp_path, environ=clock.environ()) as found:
        found.until("/executions", lambda found: found["items"])
    with runner(repository, tmp_path) as again:
        prometheus.scrape(again.address)
        prometheus.until_firing("ChronosRunsMissed")
        labels = [(one["job_name"], one["tag_team"]) for one in prometheus.firing()["ChronosRunsMissed"]]
        assert labels == [("each-second", "backend")]
        prometheus.until_clear("ChronosRunsMissed")


def test_more_is_due_than_can_be_sent(
    prometheus: Prometheus, target: Target, repository: Repository, tmp_path: Path
) -> None:
    """One request at a time, each of 1.5 s: of twelve jobs that run every 10 s, the last waits 16 s."""
    for number in range(12):
        slow = JOB.format(name=f"slow-{number}", schedule='"@every 10s"', url=f"{target.url}/slow")
        repository.write(f"jobs/slow-{number}.yaml", slow)
    repository.commit()
    with runner(repository, tmp_path, environ={"CHRONOS_MAX_IN_FLIGHT": "1"}) as found:
        prometheus.scrape(found.address)
        prometheus.until_firing("ChronosScheduleLagHigh")
        for number in range(12):
            path = f"jobs/slow-{number}.yaml"
            repository.write(path, (repository.root / path).read_text().replace("/slow", "/"))
        prometheus.until_clear("ChronosScheduleLagHigh")


def test_a_coming_run_that_would_fail(
    prometheus: Prometheus, target: Target, repository: Repository, tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    job = JOB.format(name="each-hour", schedule='"@hourly"', url=target.url).replace(
        "webhook: {", 'webhook: {headers: {X-Key: "${secret:backup-key}"}, '
    )
    repository.git("rm", "--quiet", "-r", "jobs")  # no other target is asked
    repository.write("jobs/each-hour.yaml", job)
    repository.commit()
    at = datetime.now(UTC) - timedelta(minutes=1)
    (tmp_path / "chronos.toml").write_text(f'secrets.folder = "{secrets}"\n[preflight]\nat = "{at:%H:%M}"\n')
    with runner(repository, tmp_path, "--config", str(tmp_path / "chronos.toml")) as found:
        prometheus.scrape(found.address)
        prometheus.until_firing("ChronosPreflightFailed")
        assert [one["job_name"] for one in prometheus.firing()["ChronosPreflightFailed"]] == ["each-hour"]
        (secrets / "backup-key").write_text("hunter2-hunter2")
        prometheus.until(lambda: _passes(found), "the preflight passes")
        prometheus.until_clear("ChronosPreflightFailed")


def _passes(found: Runner) -> bool:
    answer = found.client.post("/preflight", json={"jobs": ["each-hour"]})
    return answer.status_code == 200 and all(item["result"] == "pass" for item in answer.json()["items"])


_UNREAD = """\
import os, pathlib, sys, threading, time
from chronos_gitops.cli.main import main
from chronos_gitops.observability.logging_setup import Lines
Lines.__init__.__kwdefaults__["waiting"] = 50  # in place of 10,000
reads, writes = os.pipe()
os.dup2(writes, 2)
def read():
    while not pathlib.Path(sys.argv[1]).exists():
        time.sleep(0.1)
    while os.read(reads, 65536):
        pass
threading.Thread(target=read, daemon=True).start()
sys.exit(main(sys.argv[5:]))
"""


def test_log_lines_that_are_not_read(
    prometheus: Prometheus, target: Target, repository: Repository, tmp_path: Path
) -> None:
    for number in range(30):
        job = JOB.format(name=f"often-{number}", schedule='"@every 1s"', url=target.url)
        repository.write(f"jobs/often-{number}.yaml", job)
    repository.commit()
    within = (sys.executable, "-c", _UNREAD, str(tmp_path / "read-now"))
    with runner(repository, tmp_path, environ={"CHRONOS_LOG_FORMAT": "json"}, within=within) as found:
        prometheus.scrape(found.address)
        prometheus.until_firing("ChronosLogLinesDropped")
        (tmp_path / "read-now").touch()
        prometheus.until_clear("ChronosLogLinesDropped")


def test_every_alert_is_tried() -> None:
    tried = set(re.findall(r'"(Chronos[A-Za-z]+)"', Path(__file__).read_text()))
    (group,) = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    assert {rule["alert"] for rule in group["rules"]} - tried == set()


def test_alertmanager_takes_the_example_and_sends_alerts_to_teams() -> None:
    config = MONITORING / "alertmanager.yaml"
    expected = {"tag_team=backend": "backend", "tag_team=platform": "platform", "alertname=ChronosDown": "operators"}
    for labels, receiver in expected.items():
        words = [tool("amtool"), "config", "routes", "test", f"--config.file={config}", labels]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stdout.strip()) == (0, receiver), done.stderr
