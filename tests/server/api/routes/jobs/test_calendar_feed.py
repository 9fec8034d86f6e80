"""``GET /next-runs.ics``: what calendar programs get, and what the token in their address can do."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, job_yaml, settings_of, token_of
from icalendar import Calendar, Event

from chronos_gitops.app import build
from chronos_gitops.config.callers import tokens
from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.app import url_map
from chronos_gitops.server.api.routes.jobs import calendar_feed
from chronos_gitops.service import Service

FEED = "/api/v1/next-runs.ics"
URL = "https://hooks.example.com/"
SECRET, TOKEN = token_of("calendar", "feed")
READER = token_of("ada", "read")
BOTH = token_of("bob", "read", "feed")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, _guarded_environment: None) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("feed")
    checkout = Checkout(folder / "repo")
    checkout.write("a", job_yaml("a", URL, schedule="0 2 * * *", tags={"team": "pay"}, description="Pays; all,\nin €"))
    checkout.write("b", job_yaml("b", URL, schedule="* * * * *"))
    checkout.write("off", job_yaml("off", URL, enabled=False))
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    checkout.write("held", job_yaml("held", URL, schedule="0 3 * * *", skip=["closed"]))
    checkout.write("_calendars/closed", f"closed: [{{from: 2026-01-01, to: {tomorrow:%Y-%m-%d}}}]\n")
    checkout.commit("Add jobs")
    with build(settings_of(checkout, folder / "data")) as found:
        yield found


@pytest.fixture
def client(service: Service) -> FlaskClient:
    return app_of(service).test_client()


@pytest.fixture
def guarded(service: Service) -> FlaskClient:
    return app_of(service, TOKEN, READER[1], BOTH[1]).test_client()


def events(client: FlaskClient, query: str = "") -> list[Event]:
    answer = client.get(FEED + query)
    assert (answer.status_code, answer.content_type) == (200, "text/calendar; charset=utf-8"), answer.text
    found = Calendar.from_ical(answer.data).walk("VEVENT")
    assert not any(event.errors for event in found)
    return list(found)


def names(found: list[Event]) -> set[str]:
    return {str(event["SUMMARY"]).partition(" ")[0] for event in found}


def test_scheduled_times_of_enabled_jobs_are_events(client: FlaskClient) -> None:
    found = events(client, "?days=3")
    assert names(found) == {"a", "b", "held"}
    daily = [event for event in found if event["SUMMARY"] == "a"]
    assert len(daily) == 3
    assert str(daily[0]["DESCRIPTION"]).startswith("Pays; all,\nin €\n")
    assert sum(str(event["SUMMARY"]) == "b (1,440 runs)" for event in found) == 3
    assert len({str(event["UID"]) for event in found}) == len(found)


def test_held_times_are_left_out(client: FlaskClient) -> None:
    [event] = [event for event in events(client, "?days=3") if event["SUMMARY"] == "held"]
    assert event.decoded("DTSTART") > datetime.now(UTC) + timedelta(days=1)


def test_it_lists_the_times_of_next_runs(client: FlaskClient) -> None:
    window = f"from={datetime.now(UTC):%Y-%m-%d}T00:00:00Z&until={datetime.now(UTC) + timedelta(9):%Y-%m-%d}T00:00:00Z"
    listed = client.get(f"/api/v1/next-runs?q=a&limit=1000&{window}").json
    assert listed is not None
    wanted = {item["at"] for item in listed["items"] if item["job"] == "a"}
    found = [event for event in events(client, "?days=9") if event["SUMMARY"] == "a"]
    assert {f"{event.decoded('DTSTART'):%Y-%m-%dT%H:%M:%SZ}" for event in found} == wanted


def test_filters_are_those_of_the_jobs(client: FlaskClient) -> None:
    assert names(events(client, "?tag.team=pay")) == {"a"}
    assert names(events(client, "?q=held")) == {"held"}
    assert not events(client, "?tag.team=none")


@pytest.mark.parametrize("query", ["?dayz=3", "?days=0", "?days=367", "?days=1&days=2", "?limit=3", "?tag=x"])
def test_other_parameters_are_refused(client: FlaskClient, query: str) -> None:
    assert client.get(FEED + query).status_code == 400


def test_a_feed_that_costs_too_much_is_refused(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar_feed, "_MOST_COUNTS", 10)
    answer = client.get(f"{FEED}?days=366")
    assert (answer.status_code, "fewer days" in answer.text) == (400, True)


def test_the_same_feed_is_not_sent_again(client: FlaskClient) -> None:
    first = client.get(FEED)
    again = client.get(FEED, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_token_in_the_address_opens_the_feed_and_nothing_else(guarded: FlaskClient) -> None:
    assert names(events(guarded, f"?token={SECRET}&tag.team=pay")) == {"a"}
    for rule in endpoint.declared(url_map()):
        if rule.declared.role is None or rule.declared.is_signed or rule.declared.takes_token_in_address:
            continue
        path = rule.rule.replace("<", "").replace(">", "").replace("path:", "")
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            answer = guarded.open(f"{path}?token={SECRET}", method=method)
            assert answer.status_code in (303, 401), (rule.rule, method)


@pytest.mark.parametrize("secret", [READER[0], BOTH[0], "wrong", "", "%00", "é" * 300])
def test_other_tokens_in_the_address_are_refused(guarded: FlaskClient, secret: str) -> None:
    answer = guarded.get(f"{FEED}?token={secret}")
    assert answer.status_code == 401
    assert not secret or secret not in answer.text


def test_the_header_counts_before_the_address(guarded: FlaskClient) -> None:
    wrong = guarded.get(f"{FEED}?token={SECRET}", headers={"Authorization": "Bearer wrong"})
    assert wrong.status_code == 401
    right = guarded.get(FEED, headers={"Authorization": f"Bearer {SECRET}"})
    assert right.status_code == 200


def test_the_token_is_written_nowhere(guarded: FlaskClient, service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made = tokens.mint(["feed"])
    asked = ["", "&dayz=1", "&days=x", f"&token={made}", "&tag.team=pay"]
    answers = [guarded.get(f"{FEED}?token={secret}{more}") for secret in (SECRET, made) for more in asked]
    answers.append(guarded.get(f"/api/v1/jobs?token={SECRET}"))
    answers.append(guarded.get("/api/v1/audit", headers={"Authorization": f"Bearer {READER[0]}"}))
    assert {answer.status_code for answer in answers} == {200, 400, 401}
    logged = str([vars(record) for record in caplog.records])
    shown = logged + "".join(answer.text + str(answer.headers) for answer in answers)
    stored = b"".join(file.read_bytes() for file in service.settings.data.rglob("*") if file.is_file())
    for secret in (SECRET, made):
        assert secret not in shown
        assert secret.encode() not in stored
