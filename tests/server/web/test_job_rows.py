"""Rows of the list of jobs are rendered when they show something else."""

from datetime import UTC, datetime, timedelta
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


def test_kept_rows_tell_the_time_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row was rendered again each minute, for its times in words."""
    checkout, rendered, clock = Checkout(tmp_path / "checkout"), list[str](), HandClock(NOW)
    for name, is_enabled in (("late", True), ("off", False)):
        checkout.write(name, job_yaml(name, "https://hooks.example.com/", enabled=is_enabled, tags={"note": "<!>"}))
    checkout.commit("Add two jobs")
    render = Template.render

    def noted(template: Template, *args: Any, **values: Any) -> str:
        if template.name == "job_row.html":
            rendered.append(values["row"].name)
        return render(template, *args, **values)

    monkeypatch.setattr(Template, "render", noted)
    with build(settings_of(checkout, tmp_path / "data"), clock=clock) as service:
        client = create_app(service).test_client()
        assert 'title="2026-12-25 02:00:00 UTC">in 14 h</time>' in client.get("/").get_data(as_text=True)
        clock.leap(timedelta(hours=3))
        text = client.get("/").get_data(as_text=True)
        assert 'title="2026-12-25 02:00:00 UTC">in 11 h</time>' in text
        assert text.count("&lt;!&gt;") >= 2
        assert "<!>" not in text
    assert sorted(rendered) == ["late", "off"]


def test_rows_lead_to_where_the_runner_stands_behind_a_proxy(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout")
    checkout.write("a", job_yaml("a", "https://hooks.example.com/", schedule="0 2 * * *"))
    checkout.commit("Add a job")
    with build(settings_of(checkout, tmp_path / "data"), clock=HandClock(NOW)) as service:
        client = create_app(service).test_client()
        for root in ("", "/chronos", ""):
            text = client.get("/", environ_overrides={"SCRIPT_NAME": root}).get_data(as_text=True)
            assert f'<a href="{root}/jobs/a">a</a>' in text


def test_the_timeline_reads_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It read the newest two hundred executions, however old they were."""
    checkout, asked = Checkout(tmp_path / "checkout"), list[ExecutionQuery]()
    checkout.write("a", job_yaml("a", "https://hooks.example.com/", schedule="0 2 * * *"))
    checkout.commit("Add a job")
    monkeypatch.setattr(SqlEngine, "executions", lambda _, query: asked.append(query) or [])
    with build(settings_of(checkout, tmp_path / "data"), clock=HandClock(NOW)) as service:
        assert create_app(service).test_client().get("/").status_code == 200
    assert [query.since for query in asked] == [datetime(2026, 12, 24, 10, 35, tzinfo=UTC)]
