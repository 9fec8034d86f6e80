"""A closed day whose earlier day had passed when it was applied: it is held and moves nowhere, wherever it is shown
(TIME section 4)."""

import re
from datetime import UTC, datetime
from pathlib import Path

from harness.api_fixtures import Checkout, job_yaml, settings_of
from harness.clock import HandClock

from chronos_gitops.app import build
from chronos_gitops.schedule.calendars import parser
from chronos_gitops.schedule.timing import Timing
from chronos_gitops.server.web.app import create_app
from chronos_gitops.server.web.held_runs import held_note

NOW = datetime(2026, 12, 24, 12, 0, tzinfo=UTC)
URL = "https://hooks.example.com/"
WHY = "its earlier day had passed before the entry was applied"
FR = "covers_until: 2027-12-31\nclosed:\n  - {date: 12-25, reason: Christmas}\n"


def test_every_view_says_that_it_moves_nowhere(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout")
    fields = {"skip": ["fr"], "on_skip": "previous", "timezone": "UTC"}
    checkout.write("passed", job_yaml("passed", URL, schedule="0 10 25,26 * *", **fields))
    checkout.write("to-come", job_yaml("to-come", URL, schedule="0 18 25,26 * *", **fields))
    checkout.write("_calendars/fr", FR)
    checkout.commit("Close Christmas")
    with build(settings_of(checkout, tmp_path / "data"), clock=HandClock(NOW)) as service:
        client = create_app(service).test_client()

        def shown(path: str) -> str:
            answer = client.get(path)
            assert answer.status_code == 200, answer.get_data(as_text=True)
            return re.sub(r"\s+", " ", answer.get_data(as_text=True))

        def held(path: str) -> list[tuple[str, str | None]]:
            return [(one["time"], one["moved_to"]) for one in client.get(path).json["closed"]]

        note = f"held: fr (Christmas), {WHY}"
        assert note in shown("/upcoming")
        assert note in shown("/jobs/passed")
        assert "held: fr (Christmas), moved to 2026-12-24T18:00:00Z" in shown("/jobs/to-come")
        passed, to_come = ("2026-12-25T10:00:00Z", None), ("2026-12-25T18:00:00Z", "2026-12-24T18:00:00Z")
        assert held("/api/v1/jobs/passed/next?count=1&closed=true") == [passed]
        assert held("/api/v1/jobs/to-come/next?count=2&closed=true") == [to_come]
        assert held("/api/v1/next-runs?closed=true&until=2026-12-26T00:00:00Z") == [passed, to_come]

        def said(job: str, at: str) -> str:
            return str(client.get(f"/api/v1/jobs/{job}/executions?at={at}").json["message"])

        assert said("passed", passed[0]).endswith(f"; {WHY}.")
        assert said("to-come", to_come[0]).endswith("; it moves to 2026-12-24T18:00:00Z.")
        assert said("to-come", "2026-12-24T18:00:00Z").endswith(
            "is still to come. It takes the place of 2026-12-25T18:00:00Z, which is held."
        )


def test_a_target_that_has_passed_ran_early() -> None:
    calendar = parser.parse("fr", {"closed": ["12-25"]})
    timing = Timing.parse("0 10 25 * *", skip=["fr"], on_skip="previous").with_calendars([calendar], [])
    [held] = timing.held(NOW, datetime(2026, 12, 26, tzinfo=UTC))
    assert held_note(held, NOW) == "held: fr (12-25), ran early, at 2026-12-24T10:00:00Z"
    assert held_note(held, datetime(2026, 12, 23, tzinfo=UTC)).endswith(", moved to 2026-12-24T10:00:00Z")
