"""``GET /api/v1/calendars``: what is in force, and which jobs it holds; freezes in ``GET /sync``."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, job_yaml, settings_of

from chronos_gitops.app import build
from chronos_gitops.service import Service

FR = "timezone: Europe/Paris\ncovers_until: 2027-12-31\n"
FR += "closed:\n  - SAT\n  - {date: 12-25, reason: Christmas}\n  - FRI\n  - SUN\n"
YEAR = datetime.now(UTC).year + 2
FREEZE = "timezone: UTC\nclosed: [{from: %s, to: %s-01-03, reason: works}]\napplies_to: {tags: {tier: pay}}\n"


@pytest.fixture
def service(checkout: Checkout, tmp_path: Path) -> Iterator[Service]:
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    checkout.write("one", job_yaml("one", "https://hooks.example.com/", schedule="0 2 * * *", skip=["fr"]))
    checkout.write("two", job_yaml("two", "https://hooks.example.com/", schedule="0 2 * * *", tags={"tier": "pay"}))
    moving = {"schedule": "0 9 * * *", "timezone": "Europe/Paris", "skip": ["fr"], "on_skip": "next"}
    checkout.write("moved", job_yaml("moved", "https://hooks.example.com/", **moving))
    checkout.write("_calendars/fr", FR)
    checkout.write("_calendars/works", FREEZE % (yesterday, YEAR))
    checkout.commit("Close Saturdays")
    with build(settings_of(checkout, tmp_path / "data")) as found:
        yield found


@pytest.fixture
def client(service: Service) -> FlaskClient:
    return app_of(service).test_client()


def test_the_answers_of_calls_that_run_jobs_say_what_is_closed(client: FlaskClient) -> None:
    """Dry runs: nothing is sent. A pause runs nothing."""
    works = f"closed by works until {YEAR}-01-04T00:00:00Z"
    selected = {"select": {"jobs": ["one", "two"]}, "reason": "a test", "dry_run": True}
    items = {
        action: client.post(f"/api/v1/bulk/{action}", json=selected).json["items"] for action in ("trigger", "pause")
    }
    assert next(item["closed"] for item in items["trigger"] if item["job"] == "two") == works
    assert all(item["closed"] is None for item in items["pause"])
    window = {"from": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z", "reason": "a test", "dry_run": True}
    assert client.post("/api/v1/jobs/two/replays", json=window).json["closed"] == works


def of(client: FlaskClient, path: str) -> Any:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.json
    return answer.json


def test_calendars_are_listed_with_their_entries_and_jobs(client: FlaskClient) -> None:
    fr, works = of(client, "/calendars")["items"]
    assert (fr["name"], fr["path"], fr["jobs"], fr["covers_until"]) == (
        "fr",
        "jobs/_calendars/fr.yaml",
        2,
        "2027-12-31",
    )
    assert fr["closed"] == [
        {"entry": "SAT", "reason": "", "line": 4},
        {"entry": "12-25", "reason": "Christmas", "line": 5},
        {"entry": "FRI", "reason": "", "line": 6},
        {"entry": "SUN", "reason": "", "line": 7},
    ]
    assert len(fr["commit"]) == 40
    assert (works["applies_to"], works["closed_now"], works["jobs"]) == ({"tags": {"tier": "pay"}}, True, 1)
    assert works["next_change"] == f"{YEAR}-01-04T00:00:00Z"
    assert datetime.fromisoformat(fr["next_change"]) > datetime.now(UTC)
    assert of(client, "/calendars/fr") == fr


def test_an_unknown_calendar_is_not_found(client: FlaskClient) -> None:
    assert client.get("/api/v1/calendars/de").status_code == 404


def test_sync_says_which_freezes_hold_now(client: FlaskClient) -> None:
    assert of(client, "/sync")["freezes"] == [{"name": "works", "jobs": 1, "until": f"{YEAR}-01-04T00:00:00Z"}]


def test_next_runs_say_what_is_closed_before_them(client: FlaskClient) -> None:
    found = of(client, "/jobs/one/next?count=7&closed=true")
    assert len(found["items"]) == 7
    assert {item["calendar"] for item in found["closed"]} == {"fr"}
    assert "closed" not in of(client, "/jobs/one/next?count=7")
    assert of(client, "/jobs/two/next?count=1")["items"] == [f"{YEAR}-01-04T02:00:00Z"]


def test_next_runs_name_the_time_whose_place_they_take(client: FlaskClient) -> None:
    """Friday to Sunday are closed, so what would run then runs on Monday, once."""
    found = of(client, "/jobs/moved/next?count=9&closed=true")
    assert [run["time"] for run in found["runs"]] == found["items"]
    mondays = {one["moved_to"] for one in found["closed"]}
    assert mondays <= {*found["items"]}
    assert all(datetime.fromisoformat(monday).weekday() == 0 for monday in mondays)
    assert [run["moved_from"] for run in found["runs"]] == [None] * 9, "each Monday has a run of its own"


def test_next_runs_of_all_jobs_say_what_is_closed_page_by_page(client: FlaskClient) -> None:
    start = datetime.now(UTC) + timedelta(days=1)
    window = f"from={start:%Y-%m-%dT%H:%M:%SZ}&until={start + timedelta(days=14):%Y-%m-%dT%H:%M:%SZ}"
    whole = of(client, f"/next-runs?{window}&closed=true")
    assert {one["job"] for one in whole["closed"]} == {"one", "two", "moved"}
    assert [one["time"] for one in whole["closed"]] == sorted(one["time"] for one in whole["closed"])
    frozen = [one for one in whole["closed"] if one["job"] == "two"]
    assert len(frozen) == 14
    assert (frozen[0]["calendar"], frozen[0]["reason"], frozen[0]["moved_to"]) == ("works", "works", None)
    assert "closed" not in of(client, f"/next-runs?{window}")
    items, closed, url = [], [], f"/next-runs?{window}&closed=true&limit=3"
    while url:
        page = of(client, url)
        items += page["items"]
        closed += [one for one in page["closed"] if one not in closed]
        url = page["next"] and page["next"].partition("/api/v1")[2]
    assert items == whole["items"]
    assert closed == whole["closed"]
    counted = client.get("/api/v1/next-runs?bucket=1h&closed=true")
    assert (counted.status_code, counted.json["type"].rpartition("/")[2]) == (400, "invalid-parameter")


def test_trigger_in_closed_time_says_so(client: FlaskClient) -> None:
    answer = client.post("/api/v1/jobs/two/trigger")
    assert (answer.status_code, answer.json["closed"]) == (202, f"closed by works until {YEAR}-01-04T00:00:00Z")
    assert answer.json["status"] != "skipped", "somebody asked"


def test_schedule_is_judged_with_its_calendars(client: FlaskClient) -> None:
    def asked(**fields: Any) -> Any:
        body = {"schedule": "0 9 * * MON-FRI", "timezone": "Europe/Paris"} | fields
        return client.post("/api/v1/schedules/validate", json=body).json

    plain, dropped, moved = asked(), asked(skip=["fr"]), asked(skip=["fr"], on_skip="previous")
    assert [len(one["next_runs"]) for one in (plain, dropped, moved)] == [5, 5, 5]
    weekdays = {datetime.fromisoformat(time).weekday() for time in dropped["next_runs"]}
    assert 4 not in weekdays, "Fridays are closed"
    assert plain["next_runs"] != dropped["next_runs"]
    (problem,) = asked(skip=["fro"])["problems"]
    assert (problem["field"], problem["message"]) == ("skip", 'there is no calendar "fro"')
    assert "fr" in problem["hint"]
    (problem,) = asked(schedule="* * * * *", skip=["fr"], on_skip="next")["problems"]
    assert problem["field"] == "on_skip"


def test_metrics_say_whether_calendars_are_closed(client: FlaskClient) -> None:
    text = client.get("/metrics").text
    assert 'chronos_calendar_closed{calendar="works"} 1.0' in text
    assert 'chronos_calendar_covers_until_timestamp_seconds{calendar="fr"}' in text


def test_the_page_says_which_freezes_hold_and_what_a_calendar_holds(client: FlaskClient) -> None:
    assert re.search(r"<b>works</b> holds 1 job until [^<]{10,40} \(<time", client.get("/").text)
    assert "held: fr (SAT)" in client.get("/jobs/one").text


def test_a_file_that_is_posted_is_judged_with_the_calendars_in_force(client: FlaskClient) -> None:
    def rules(name: str) -> list[str]:
        text = job_yaml("new-job", "https://hooks.example.com/", skip=[name])
        return [problem["rule"] for problem in client.post("/api/v1/validate", data=text).json["problems"]]

    assert "unknown-calendar" not in rules("fr")
    assert "unknown-calendar" in rules("de")


def test_versions_of_a_calendar(client: FlaskClient, checkout: Checkout, service: Service) -> None:
    checkout.write("_calendars/fr", FR.replace("  - FRI\n", "  - {date: 12-26, reason: Boxing day}\n"))
    checkout.commit("Open Fridays")
    service.follower.sync()
    newest, oldest = of(client, "/calendars/fr/versions")["items"]
    assert (newest["version"], newest["change"], newest["message"]) == (2, "changed", "Open Fridays")
    assert (newest["entries_added"], newest["entries_removed"]) == (["closed 12-26 (Boxing day)"], ["closed FRI"])
    assert (oldest["version"], oldest["change"], oldest["entries_added"][:2]) == (
        1,
        "created",
        ["closed SAT", "closed 12-25 (Christmas)"],
    )
    page = of(client, "/calendars/fr/versions?limit=1")
    assert [one["version"] for one in page["items"]] == [2]
    assert [one["version"] for one in client.get(page["next"]).json["items"]] == [1]
    assert len(of(client, "/jobs/one/versions")["items"]) == 1  # an edit of a calendar is no version of a job
    assert client.get("/api/v1/calendars/de/versions").status_code == 404


def test_versions_of_a_calendar_that_is_gone(client: FlaskClient, checkout: Checkout, service: Service) -> None:
    checkout.remove("_calendars/works")
    checkout.commit("End the works")
    service.follower.sync()
    assert [one["change"] for one in of(client, "/calendars/works/versions")["items"]] == ["deleted", "created"]


def test_a_rollback_says_that_a_calendar_stays_as_it_is(
    client: FlaskClient, checkout: Checkout, service: Service
) -> None:
    checkout.write("one", job_yaml("one", "https://hooks.example.com/", schedule="0 3 * * *", skip=["fr"]))
    checkout.commit("Run later")
    service.follower.sync()
    plan = client.post("/api/v1/jobs/one/rollback/1", json={"dry_run": True}).json
    assert plan["warnings"] == []
    checkout.write("_calendars/fr", FR.replace("  - FRI\n", ""))
    head = checkout.commit("Open Fridays")
    service.follower.sync()
    since = f"the calendar fr has changed since version 1 (1 commit {head[:8]})"
    said = f"{since}; a rollback of the job does not roll it back"
    plan = client.post("/api/v1/jobs/one/rollback/1", json={"dry_run": True}).json
    assert plan["warnings"] == [said]
    assert "does not roll it back" in client.get("/jobs/one/rollback/1").get_data(as_text=True)
    done = client.post("/api/v1/jobs/one/rollback/1", json={"reason": "too late"})
    assert (done.status_code, done.json["warnings"]) == (201, [said])


def test_an_edit_of_a_calendar_is_undone(client: FlaskClient, checkout: Checkout, service: Service) -> None:
    checkout.write("_calendars/fr", FR.replace("  - FRI\n", ""))
    head = checkout.commit("Open Fridays")
    service.follower.sync()
    assert client.post("/api/v1/rollback", json={"commit": head, "reason": "a mistake"}).status_code == 201
    assert [one["entry"] for one in of(client, "/calendars/fr")["closed"]] == ["SAT", "12-25", "FRI", "SUN"]
    assert of(client, "/calendars/fr/versions")["items"][0]["entries_added"] == ["closed FRI"]
