"""The command line, the plan, the API and the scheduler name the same next ticks."""

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from harness.clock import HandClock
from harness.machine.seeds import seeded

from chronos_gitops.app import build
from chronos_gitops.cli.main import main
from chronos_gitops.config import load
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.planning.plan import plan
from chronos_gitops.server.api.app import create_app
from chronos_gitops.service import Service

NOW = datetime(2026, 10, 24, 21, 13, 7, tzinfo=UTC)  # hours before summer time ends in Europe
JOBS = 500
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca")


def schedule(random: Random) -> str:
    minute = random.choice(("*", "*/7", "0", "30", f"{random.randrange(60)}", "H"))
    hour = random.choice(("*", "*/3", "2", "1,2,3", f"{random.randrange(24)}", "H"))
    day = random.choice(("*", "*", "1", "L", "15W", "*/2"))
    month = random.choice(("*", "*", "1-6", "oct,nov"))
    weekday = random.choice(("*", "*", "mon-fri", "0", "5L", "1#2"))
    cron = f"{minute} {hour} {day} {month} {weekday}"
    return random.choice((cron, cron, cron, f"15 {cron}", "@hourly", "@weekly", f"@every {random.randrange(1, 5000)}s"))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    repo = tmp_path_factory.mktemp("repo")
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    (repo / "jobs").mkdir()
    random = seeded(2026)
    for number in range(JOBS):
        (repo / "jobs" / f"job-{number}.yaml").write_text(
            f'name: job-{number}\nschedule: "{schedule(random)}"\ntimezone: {random.choice(ZONES)}\n'
            "enabled: true\nwebhook:\n  url: http://127.0.0.1:9/\n"
        )
    data = tmp_path_factory.mktemp("data")
    chosen = load.load({"repo": str(repo), "data": str(data)}, {}, None)
    with build(chosen, clock=HandClock(NOW)) as service:
        yield service


def test_five_hundred_random_jobs_are_told_alike_everywhere(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = service.jobs()
    assert len(jobs) == JOBS
    client = create_app(service).test_client()
    planned = {change.job: change.runs_after for change in plan(JobSet(), jobs, at=NOW).changes}
    for definition in jobs:
        job = definition.job
        ticks = [tick.strftime("%Y-%m-%dT%H:%M:%SZ") for tick in job.timing.upcoming(NOW, 5)]
        assert client.get(f"/api/v1/jobs/{job.name}/next").json["items"] == ticks
        assert client.get(f"/api/v1/jobs/{job.name}").json["next_run"] == ticks[0]
        after = planned[job.name]
        assert after is not None
        assert [tick.strftime("%Y-%m-%dT%H:%M:%SZ") for tick in after.next] == ticks
        claimed = service.engine._scheduler.timetable.tick_of(job.name)  # type: ignore[attr-defined]
        assert claimed.strftime("%Y-%m-%dT%H:%M:%SZ") == ticks[0]
        if "H" not in job.timing.definition:
            arguments = ["--schedule", job.timing.definition, "--timezone", job.timezone, "--after", NOW.isoformat()]
            assert main(["next", *arguments, "--format", "json"]) == 0
            assert json.loads(capsys.readouterr().out) == {"items": ticks}


def test_next_of_a_job_of_the_checkout_uses_its_name_for_h(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = next(definition.job for definition in service.jobs() if "H" in definition.job.timing.definition)
    monkeypatch.chdir(Path(service.settings.repo))
    assert main(["next", hashed.name, "--after", NOW.isoformat(), "--format", "json"]) == 0
    ticks = [tick.strftime("%Y-%m-%dT%H:%M:%SZ") for tick in hashed.timing.upcoming(NOW, 5)]
    assert json.loads(capsys.readouterr().out) == {"items": ticks}
