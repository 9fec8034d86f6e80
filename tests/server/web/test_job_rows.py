"""Rows of the list of jobs are rendered when they show something else."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from harness.api_fixtures import Checkout, job_yaml, settings_of
from harness.clock import HandClock
from jinja2 import Template

from chronos_gitops.app import build
from chronos_gitops.engine.model import ExecutionQuery
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.server.web.app import create_app

NOW = datetime(2026, 12, 24, 12, 0, tzinfo=UTC)


def test_only_rows_that_show_something_else_are_rendered_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each took 150 µs, at every refresh of every open page."""
    checkout, rendered = Checkout(tmp_path / "checkout"), list[str]()
    for number in range(5):
        checkout.write(f"job-{number}", job_yaml(f"job-{number}", "https://hooks.example.com/", schedule="0 2 * * *"))
    checkout.commit("Add five jobs")
    render = Template.render

    def noted(template: Template, *args: Any, **values: Any) -> str:
        if template.name == "job_row.html":
            rendered.append(values["row"].name)
        return render(template, *args, **values)

    monkeypatch.setattr(Template, "render", noted)
    with build(settings_of(checkout, tmp_path / "data"), clock=HandClock(NOW)) as service:
        client = create_app(service).test_client()
        first = client.get("/").get_data(as_text=True)
        assert len(rendered) == 5
        assert client.get("/").get_data(as_text=True).count("data-row") == first.count("data-row") == 5
        assert len(rendered) == 5
        client.post("/api/v1/jobs/job-3/pause", json={"reason": "maintenance"}, headers={"Origin": "http://localhost"})
        assert '<span class="standing paused">' in client.get("/").get_data(as_text=True)
        assert rendered[5:] == ["job-3"]


def test_the_timeline_reads_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It read the newest two hundred executions, however old they were."""
    checkout, asked = Checkout(tmp_path / "checkout"), list[ExecutionQuery]()
    checkout.write("a", job_yaml("a", "https://hooks.example.com/", schedule="0 2 * * *"))
    checkout.commit("Add a job")
    monkeypatch.setattr(SqlEngine, "executions", lambda _, query: asked.append(query) or [])
    with build(settings_of(checkout, tmp_path / "data"), clock=HandClock(NOW)) as service:
        assert create_app(service).test_client().get("/").status_code == 200
    assert [query.since for query in asked] == [datetime(2026, 12, 24, 10, 35, tzinfo=UTC)]
