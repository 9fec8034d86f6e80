"""Executions that a calendar held or moved, a freeze, and replays: every page that shows them, in both themes and two
widths, with the states that a real runner has."""

import json
import re
import sqlite3
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.conftest import Site
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository
from playwright.sync_api import Browser, Page, expect

from chronos_gitops.cli.demo.receiver import Receiver

SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
JOB = """\
name: {name}
description: {words}
schedule: "{schedule}"
enabled: true
timezone: Europe/Berlin
webhook:
  url: {url}
retry_policy: {{max_attempts: 1}}
tags: {{team: {team}}}
"""
REASON = "The settlement provider was down between two and five; its operators confirmed that nothing was booked"
_SCROLLS = """() => [...document.querySelectorAll(".wide")].filter(one => one.scrollWidth > one.clientWidth)
  .map(one => one.getAttribute("aria-label"))"""
FREEZE = "change freeze at the end of the year"
_CUT = """() => [...document.querySelectorAll("td, th, dd, p, li, h1, h2, summary")].filter(cell => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  const text = range.getBoundingClientRect(), box = cell.getBoundingClientRect();
  return cell.checkVisibility() && !cell.closest(".hide, .jobs") && !cell.querySelector(":scope > .hide")
    && text.width > 0 && text.right > box.right + 1;
}).map(cell => cell.outerHTML.slice(0, 160))"""


class Night:
    """A runner with the states, and the addresses of its pages."""

    def __init__(self, site: Site, pages: dict[str, str]) -> None:
        self.site = site
        self.pages = pages


NAMES = (
    "jobs",
    "moved-job",
    "frozen-job",
    "executions",
    "held",
    "moved",
    "replayed",
    "replay-done",
    "replay-running",
    "changes",
    "status",
    "upcoming",
)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, _guarded_environment: None) -> Iterator[Night]:
    folder = tmp_path_factory.mktemp("night")
    repository = Repository.init(folder / "checkout")
    with Receiver() as receiver:
        commit = _write(repository, receiver)
        with Runner(str(repository.root), data=folder / "data"):
            pass  # it makes the ledger
        ids = _record(folder / "data" / "ledger.db", commit)
        with Runner(str(repository.root), data=folder / "data") as runner:
            done, running = (_replay(runner, name, pace) for name, pace in (("settlement", "0s"), ("payouts", "1h")))
            runner.until(f"/replays/{done}", lambda found: found["state"] == "done", 60)
            runner.until(f"/replays/{running}", lambda found: found["items"][0]["status"] == "success", 60)
            runner.client.post("/jobs/settlement/trigger").raise_for_status()
            replayed = runner.get(f"/replays/{done}")["items"][0]["execution"]
            executions = {"held": ids["held"], "moved": ids["moved"], "replayed": replayed}
            pages = {name: f"/executions/{one}" for name, one in executions.items()}
            pages |= {"replay-done": f"/replays/{done}", "replay-running": f"/replays/{running}"}
            pages |= {"moved-job": "/jobs/invoices", "frozen-job": "/jobs/card-clearing", "jobs": "/"}
            pages |= {name: f"/{name}" for name in ("executions", "changes", "status", "upcoming")}
            yield Night(Site(runner, repository), pages)


def _write(repository: Repository, receiver: Receiver) -> str:
    now = datetime.now(UTC)
    jobs = (
        ("invoices", "billing", "30 2 * * *", "Sends invoices that are due.", "/ok"),
        ("settlement", "payments", "0 4 * * *", "Settles with the card networks.", "/ok"),
        ("payouts", "payments", "0 5 * * *", "Pays what is due to merchants.", "/ok"),
        ("card-clearing", "clearing", "*/5 * * * *", "Clears card payments.", "/ok"),
    )
    for name, team, schedule, words, path in jobs:
        text = JOB.format(name=name, team=team, schedule=schedule, words=words, url=receiver.url(path))
        more = "skip: [de-bank-holidays]\non_skip: next\n" if name == "invoices" else ""
        repository.write(f"jobs/{team}/{name}.yaml", text + more)
    yesterday = now - timedelta(days=1)
    closed = f"- {{date: {yesterday:%Y-%m-%d}, reason: Day of Prayer and Repentance}}"
    repository.write(
        "jobs/_calendars/de-bank-holidays.yaml",
        f"timezone: Europe/Berlin\ncovers_until: {now.year + 1}-12-31\nclosed:\n  {closed}\n",
    )
    span = f"from: {yesterday:%Y-%m-%d}, to: {now + timedelta(days=9):%Y-%m-%d}"
    repository.write(
        "jobs/_calendars/year-end-freeze.yaml",
        f"timezone: UTC\nclosed: [{{{span}, reason: {FREEZE}}}]\napplies_to: {{tags: {{team: clearing}}}}\n",
    )
    return repository.commit("Hold invoices on bank holidays, and clearing at the end of the year")


def _record(ledger: Path, commit: str) -> dict[str, str]:
    """Yesterday's invoices were held and ran today; four nights of settlement and payouts failed."""
    day = datetime.now(UTC).replace(hour=1, minute=30, second=0, microsecond=0)
    held, ran = day - timedelta(days=2), day - timedelta(days=1)
    by = {"name": "de-bank-holidays", "reason": "Day of Prayer and Repentance"}
    by |= {"path": "jobs/_calendars/de-bank-holidays.yaml", "line": 4, "commit": commit}
    rows = [
        _row("invoices", held, status="skipped", reason="calendar", calendar=json.dumps(by), moved_to=_ms(ran)),
        _row("invoices", ran, status="success", moved_from=_ms(held), status_code=200, attempts=1),
    ]
    for name in ("settlement", "payouts"):
        for ago in range(1, 5):
            wrong = {"error_class": "status", "error": "the target responded with 503 Service Unavailable"}
            rows.append(_row(name, day - timedelta(days=ago), status="failed", status_code=503, attempts=1, **wrong))
    midnight, frozen = day.replace(hour=0, minute=0), by | {"name": "year-end-freeze", "reason": FREEZE, "line": 2}
    frozen |= {"path": "jobs/_calendars/year-end-freeze.yaml"}
    first, last = midnight - timedelta(days=1), midnight - timedelta(minutes=5)
    span = {"ticks": 288, "range_start": _ms(first), "calendar": json.dumps(frozen)}
    rows.append(_row("card-clearing", last, status="skipped", reason="calendar", **span))
    with sqlite3.connect(ledger) as database:
        for row in rows:
            row |= {"version": 1, "commit_id": commit}
            names = ", ".join(row)
            database.execute(f"INSERT INTO executions ({names}) VALUES ({', '.join('?' * len(row))})", [*row.values()])
    database.close()
    return {"held": rows[0]["id"], "moved": rows[1]["id"]}


def _row(job: str, at: datetime, **fields: Any) -> dict[str, Any]:
    times = {} if fields["status"] == "skipped" else {"started_at": _ms(at) + 12, "completed_at": _ms(at) + 480}
    about = {"id": str(uuid.uuid4()), "job": job, "tick": _ms(at), "scheduled_at": _ms(at), "created_at": _ms(at)}
    return about | {"trigger_kind": "schedule"} | times | fields


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _replay(runner: Runner, job: str, pace: str) -> str:
    now = datetime.now(UTC)
    span = {"from": f"{now - timedelta(days=6):%Y-%m-%dT%H:%M:%SZ}", "until": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    answer = runner.client.post(f"/jobs/{job}/replays", json={**span, "reason": REASON, "pace": pace})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_accessible_quiet_and_whole(
    night: Night, chromium: Browser, name: str, scheme: str, width: int
) -> None:
    night.site.troubles.clear()
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]  # one of its literals
    page = night.site.watch(context.new_page())
    page.goto(night.site.url(night.pages[name]))
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"night-{name}-{scheme}-{width}.png", full_page=True)
    found = Axe().run(page).response["violations"]
    assert [f"{one['id']}: {one['nodes'][0]['html']}" for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(_CUT) == []
    assert page.evaluate(_SCROLLS) == []
    assert night.site.troubles == []
    context.close()


def open_page(night: Night, chromium: Browser, name: str) -> Page:
    page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(night.site.url(night.pages[name]))
    return page


def test_a_replay_leads_to_its_executions_and_back(night: Night, chromium: Browser) -> None:
    page = open_page(night, chromium, "replay-done")
    expect(page.locator("main")).to_contain_text("4 of 4 started")
    expect(page.locator("main")).to_contain_text(REASON)
    page.locator("tbody a >> text=replay").first.click()
    expect(page.locator("main")).to_contain_text("Replay of")
    page.click("text=a replay of several scheduled times")
    page.wait_for_url(f"**{night.pages['replay-done']}")
    page.click("h1 a")
    page.locator("td[data-name=trigger] a").first.click()
    page.wait_for_url(f"**{night.pages['replay-done']}")
    page.context.close()


def test_a_held_execution_leads_to_the_moved_one_and_back(night: Night, chromium: Browser) -> None:
    page = open_page(night, chromium, "held")
    page.click("dd:has(time) a:has-text('execution')")
    page.wait_for_url(f"**{night.pages['moved']}")
    page.click("dd:has(time) a:has-text('execution')")
    page.wait_for_url(f"**{night.pages['held']}")
    page.context.close()


def test_the_banner_of_a_freeze_says_until_when(night: Night, chromium: Browser) -> None:
    page = open_page(night, chromium, "status")
    expect(page.locator("[aria-label=Freezes]")).to_contain_text(
        re.compile(r"holds 1 job until \w+ \d+ \w+ \d{4} 00:00 UTC")
    )
    page.click("text=Upcoming runs")
    expect(page.locator("main")).to_contain_text("card-clearing")
    page.context.close()


def test_an_event_of_a_trigger_leads_to_its_execution(night: Night, chromium: Browser) -> None:
    page = open_page(night, chromium, "changes")
    page.click(".events .job_triggered a[href^='/executions/']")
    expect(page.locator("h1")).to_have_text("settlement")
    expect(page.locator("main")).to_contain_text("manual")
    page.goto(night.site.url("/changes"))
    expect(page.locator(".events .replay_ended")).to_contain_text("done, 4 items started")
    page.click(".events .replay_ended a:has-text('replay')")
    page.wait_for_url(f"**{night.pages['replay-done']}")
    page.context.close()


def test_the_last_page_cancels_a_replay(night: Night, chromium: Browser) -> None:
    page = open_page(night, chromium, "replay-running")
    page.click("text=Cancel this replay")
    expect(page.locator(".banner.done")).to_contain_text("1 of 4 scheduled times")
    expect(page.locator(".head .status")).to_have_text("cancelled")
    page.context.close()
