"""Calendars, freezes and moves on the pages, and the box that answers why a job did (not) run."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, job_yaml, settings_of
from harness.clock import HandClock

from chronos_gitops.app import build
from chronos_gitops.engine.model import Execution, ExecutionDetail, HeldBy, Reason, Status, Trigger
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.server.web.app import create_app

NOW = datetime(2026, 12, 24, 12, 0, tzinfo=UTC)
URL = "https://hooks.example.com/"
FR = "covers_until: 2026-12-31\nclosed:\n  - {date: 12-25, reason: Christmas}\n"
FREEZE = """timezone: UTC
closed: [{from: 2026-12-24T10:00, to: 2027-01-04T06:00, reason: year-end freeze}]
applies_to: {tags: {tier: pay}}
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    checkout, data = Checkout(tmp_path_factory.mktemp("repo") / "checkout"), tmp_path_factory.mktemp("data")
    checkout.write("moved", job_yaml("moved", URL, schedule="0 2 25 * *", skip=["fr"], on_skip="next"))
    checkout.write("early", job_yaml("early", URL, schedule="0 18 25 * *", skip=["fr"], on_skip="previous"))
    checkout.write("dropped", job_yaml("dropped", URL, schedule="0 3 * * *", skip=["fr"]))
    checkout.write("frozen", job_yaml("frozen", URL, schedule="* * * * *", tags={"tier": "pay"}))
    checkout.write("_calendars/fr", FR)
    checkout.write("_calendars/year-end", FREEZE)
    checkout.commit("Close Christmas")
    with build(settings_of(checkout, Path(data)), clock=HandClock(NOW)) as service:
        yield create_app(service).test_client()


def text_of(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return re.sub(r"\s+", " ", answer.get_data(as_text=True))


def rows(page: str) -> list[tuple[str, bool, str, str]]:
    """Time, whether it is held, job, note."""
    row = r"<tr data-row( class=\"held\")?><td><code>(\S+?)</code>.*?/jobs/([a-z-]+).*?<td class=\"text\">(.*?)</td>"
    found = re.findall(row, page)
    return [(at, bool(held), job, note) for held, at, job, note in found]


def test_upcoming_lists_what_calendars_hold_and_move(client: FlaskClient) -> None:
    assert rows(text_of(client, "/upcoming")) == [
        (
            "2026-12-24T12:00:00Z",
            True,
            "frozen",
            "held: year-end (year-end freeze), 720 times until 2026-12-24T23:59:00Z",
        ),
        ("2026-12-24T18:00:00Z", False, "early", "moved from 2026-12-25T18:00:00Z"),
        (
            "2026-12-25T00:00:00Z",
            True,
            "frozen",
            "held: year-end (year-end freeze), 721 times until 2026-12-25T12:00:00Z",
        ),
        ("2026-12-25T02:00:00Z", True, "moved", "held: fr (Christmas), moved to 2026-12-26T02:00:00Z"),
        ("2026-12-25T03:00:00Z", True, "dropped", "held: fr (Christmas)"),
    ]


COMMIT = "1a2b3c4d" * 5
HELD = Execution(
    "0b6f2d3c-0000-5000-8000-000000000001",
    "moved",
    datetime(2026, 12, 25, 2, tzinfo=UTC),
    Trigger.SCHEDULE,
    Status.SKIPPED,
    reason=Reason.CALENDAR,
    calendar=HeldBy("fr", "Christmas & <more>", "jobs/_calendars/fr.yaml", 3, COMMIT),
    moved_to=datetime(2026, 12, 26, 2, tzinfo=UTC),
)
RAN = replace(
    HELD,
    id="0b6f2d3c-0000-5000-8000-000000000002",
    scheduled_time=datetime(2026, 12, 26, 2, tzinfo=UTC),
    status=Status.FAILED,
    reason=None,
    calendar=None,
    moved_to=None,
    moved_from=HELD.scheduled_time,
)
REPLAYED = replace(
    RAN,
    id="0b6f2d3c-0000-5000-8000-000000000003",
    trigger=Trigger.REPLAY,
    moved_from=None,
    replay_of=RAN.id,
    idempotency_key=RAN.id,
)
SHOWN = {
    "held": (
        HELD,
        "<strong>fr</strong>: Christmas &amp; &lt;more&gt; · <code>jobs/_calendars/fr.yaml:3</code>",
        ">1a2b3c4d</code>",
        "<dt>Moved to</dt><dd><code>2026-12-26T02:00:00Z</code>",
    ),
    "moved": (RAN, "<dt>Moved from</dt><dd><code>2026-12-25T02:00:00Z</code>", "also sent as"),
    "replayed": (
        REPLAYED,
        f'<dt>Replay of</dt><dd><a href="/executions/{RAN.id}">',
        f"<dd><code>{RAN.id}</code>, sent as",
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_page_of_an_execution_shows_what_held_moved_or_replayed_it(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    found, *expected = SHOWN[name]
    monkeypatch.setattr(SqlEngine, "execution", lambda *_: ExecutionDetail(found, (), None))
    page = text_of(client, f"/executions/{found.id}")
    assert [words for words in expected if words not in page] == []
    assert ("Idempotency-Key" in page) == (name != "held"), "no request was sent"


def test_lists_of_executions_say_what_held_a_time_and_where_it_moved(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqlEngine, "executions", lambda *_: [RAN, HELD])
    page = text_of(client, "/executions")
    assert "fr (Christmas &amp; &lt;more&gt;), moved to 2026-12-26T02:00:00Z" in page
    assert "schedule, moved from 2026-12-25T02:00:00Z" in page


def test_the_strip_hatches_what_calendars_hold(client: FlaskClient) -> None:
    page = text_of(client, "/upcoming")
    # 24 hours of the minutely job, and one run each of two others
    assert "1442 scheduled times held by calendars" in page.replace("1,442", "1442")
    assert page.count('<rect class="held"') == 96
    assert "held by calendars" in page


def test_a_job_has_a_box_for_each_calendar_and_freeze(client: FlaskClient) -> None:
    page = text_of(client, "/jobs/moved")
    assert "runs on closed days move to the next open day" in page
    assert "<b>fr</b> open now, closes" in page
    assert "covers dates until 2026-12-31" in page
    assert '<li class="held"><time' in page.replace('<li class="held"> <time', '<li class="held"><time')
    assert "moved from 2026-12-25T02:00:00Z" in page
    assert '<b>year-end</b> <span class="tag">freeze</span> closed now, opens' in text_of(client, "/jobs/frozen")
    assert "Calendars and freezes" not in text_of(client, "/jobs/early").replace("Calendars and freezes<small>", "")


@pytest.mark.parametrize("at", ["2026-12-25T02:00", "2026-12-26T02:00:00", "2026-12-24T11:00"])
def test_the_box_answers_as_the_api_does(client: FlaskClient, at: str) -> None:
    said = client.get(f"/api/v1/jobs/moved/executions?at={at}").json["message"]
    page = text_of(client, f"/jobs/moved?at={at}")
    assert said.replace('"', "&#34;") in page
    assert f'value="{(at + ":00")[:19]}"' in page


def test_a_time_that_is_none_is_refused(client: FlaskClient) -> None:
    assert client.get("/jobs/moved?at=yesterday").status_code == 400
