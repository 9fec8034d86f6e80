"""Jobs with calendars, lists, one-offs, moves and pauses: whoever is asked names the same runs as the scheduler."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from harness.clock import HandClock
from harness.machine.seeds import seeded
from harness.repositories.calendar_tree import write_calendar_tree

from chronos_gitops.app import build
from chronos_gitops.cli.main import main
from chronos_gitops.config import load
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.planning.load_forecast import busiest_minute
from chronos_gitops.jobs.planning.plan import plan
from chronos_gitops.schedule.calendars.steps import steps
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.server.web.app import create_app
from chronos_gitops.service import Service

NOW = datetime(2026, 10, 24, 21, 13, 7, tzinfo=UTC)  # hours before summer time ends in Europe
JOBS = 500
WEEK = timedelta(days=7)
FAR = NOW + timedelta(days=40)
"""Later than every move that crosses NOW."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    repo, random = tmp_path_factory.mktemp("repo"), seeded(2026)
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    write_calendar_tree(repo / "jobs", random, NOW, JOBS)
    data = tmp_path_factory.mktemp("data")
    with build(load.load({"repo": str(repo), "data": str(data)}, {}, None), clock=HandClock(NOW)) as service:
        for definition in service.jobs():
            if random.random() < 0.1:
                until = random.choice((None, NOW + timedelta(hours=random.randrange(1, 100))))
                service.engine.pause(definition.job.name, reason="a test", by="tests", until=until)
        yield service


@pytest.fixture(scope="module")
def client(service: Service) -> FlaskClient:
    return create_app(service).test_client()


@pytest.fixture(scope="module")
def walked(service: Service) -> Mapping[str, list[datetime]]:
    """Claims of the scheduler within forty days, step by step from the watermark; none before a pause ends."""
    found = {}
    for definition in service.jobs():
        job = definition.job
        pause = service.engine.pauses().get(job.name)
        opens = NOW if pause is None else pause.until
        if not job.enabled or opens is None:
            found[job.name] = []
            continue
        mark = service.engine._scheduler.timetable.watermarks[job.name]  # type: ignore[attr-defined]
        ran = steps(job.timing, mark.at, FAR, mark.moves)
        due = [step.tick for step in ran if step.tick is not None]
        found[job.name] = [tick for tick in due if (tick >= opens if pause is not None else tick > opens)]
    return found


def test_the_next_runs_of_each_job(service: Service, client: FlaskClient, walked: Mapping[str, list[datetime]]) -> None:
    for definition in service.jobs():
        name, expected = definition.job.name, [rfc3339(tick) for tick in walked[definition.job.name][:5]]
        found = client.get(f"/api/v1/jobs/{name}/next?closed=true").json
        assert [tick for tick in found["items"] if tick < rfc3339(FAR)] == expected
        shown = client.get(f"/api/v1/jobs/{name}").json["next_run"]
        assert expected[:1] == ([] if shown is None or shown >= rfc3339(FAR) else [shown])
        claimed = service.engine._scheduler.timetable.tick_of(name)  # type: ignore[attr-defined]
        assert claimed is None or not expected or rfc3339(claimed) <= expected[0]


def test_the_runs_of_all_jobs(client: FlaskClient, walked: Mapping[str, list[datetime]]) -> None:
    window = {"from": rfc3339(NOW + timedelta(seconds=1)), "until": rfc3339(NOW + timedelta(days=2)), "limit": "1000"}
    items, url = list[dict[str, str]](), f"/api/v1/next-runs?{urlencode(window)}"
    while url:
        page = client.get(url).json
        items, url = items + page["items"], page["next"]
    found = Counter((item["job"], item["at"]) for item in items)
    expected = Counter((name, rfc3339(tick)) for name, tick in _within(walked, NOW, timedelta(days=2)))
    assert found == expected


def test_the_load_of_a_week(client: FlaskClient, walked: Mapping[str, list[datetime]]) -> None:
    start = NOW.replace(minute=0, second=0) + timedelta(hours=1)
    window = {"from": rfc3339(start), "until": rfc3339(start + WEEK), "bucket": "6h"}
    load = client.get(f"/api/v1/next-runs?{urlencode(window)}").json
    expected = Counter((tick - start) // timedelta(hours=6) for _, tick in _within(walked, start, WEEK))
    assert [bucket["count"] for bucket in load["buckets"]] == [expected[number] for number in range(28)]


def test_the_page_of_what_comes(client: FlaskClient, walked: Mapping[str, list[datetime]]) -> None:
    page = client.get("/upcoming").get_data(as_text=True)
    listed = re.findall(r"<tr data-row><td><code>(\S+)</code></td>.*?<a href=\"/jobs/([a-z0-9-]+)\"", page)
    expected = sorted((tick, name) for name, tick in _within(walked, NOW, timedelta(days=1)))[: len(listed)]
    assert [(at, job) for at, job in listed] == [(rfc3339(tick), name) for tick, name in expected]
    assert 50 < len(listed) <= page.count("<tr data-row") == 100  # scheduled times that are held have rows, too


def test_a_plan(service: Service, walked: Mapping[str, list[datetime]]) -> None:
    """Of jobs that are added now, as the runner added them; a pause is not in the files."""
    paused, jobs = service.engine.pauses(), service.jobs()
    for change in plan(JobSet(), jobs, at=NOW).changes:
        assert change.runs_after is not None
        if change.job not in paused:
            soon = [tick for tick in change.runs_after.next if tick < FAR]
            assert soon == walked[change.job][:5], change.job


def test_the_busiest_minute(service: Service, walked: Mapping[str, list[datetime]]) -> None:
    """Over the jobs that run less often than every five minutes; the others count for every minute alike."""
    paused = service.engine.pauses()
    sparse = [
        one
        for one in service.jobs()
        if one.job.name not in paused and one.job.timing.count(NOW, NOW + WEEK) <= 2_000 and one.job.enabled
    ]
    _, busiest = busiest_minute(JobSet(), JobSet.of(None, sparse), at=NOW)
    load = Counter(
        tick.replace(second=0) for one in sparse for tick in walked[one.job.name] if NOW < tick <= NOW + WEEK
    )
    minute, runs = min(load.items(), key=lambda item: (-item[1], item[0]))
    assert busiest is not None
    assert (busiest.minute, busiest.runs) == (minute, runs)


def test_what_is_said_of_an_instant(
    service: Service, client: FlaskClient, walked: Mapping[str, list[datetime]]
) -> None:
    """``?at=`` of the next runs, and of scheduled times that calendars hold."""
    said = Counter[str]()
    for name, expected in walked.items():
        answer = client.get(f"/api/v1/jobs/{name}/next?closed=true&count=3").json
        for tick in expected[:2]:
            found = _at(client, name, rfc3339(tick))
            assert (found["outcome"], found["tick"]) == ("upcoming", rfc3339(tick)), (name, found)
        for held in answer["closed"][:3]:
            found = _at(client, name, held["time"])
            is_own = rfc3339(tick := datetime.fromisoformat(held["time"])) in map(rfc3339, walked[name])
            assert tick > NOW
            if service.jobs().definitions[name].job.enabled and not is_own:
                assert (found["outcome"], found["reason"]) == ("closed", "calendar"), (name, found)
                assert held["calendar"] in found["message"]
                assert held["moved_to"] is None or held["moved_to"] in found["message"]
            said[found["outcome"]] += 1
    assert said["closed"] > 100


def test_the_command_evaluates_the_files(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(service.settings.repo))
    jobs = [definition.job for definition in service.jobs() if definition.job.enabled]
    for job in Random(1).sample(jobs, 5):
        assert main(["next", job.name, "--after", NOW.isoformat(), "--format", "json"]) == 0
        expected = [rfc3339(tick) for tick in job.timing.upcoming(NOW, 5)]
        assert json.loads(capsys.readouterr().out)["items"] == expected


def _at(client: FlaskClient, name: str, instant: str) -> Any:
    return client.get(f"/api/v1/jobs/{name}/executions?{urlencode({'at': instant})}").json


def _within(walked: Mapping[str, list[datetime]], start: datetime, length: timedelta) -> Iterator[tuple[str, datetime]]:
    return ((name, tick) for name, ticks in walked.items() for tick in ticks if start <= tick < start + length)
