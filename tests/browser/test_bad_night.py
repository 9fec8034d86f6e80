"""The table of docs/how-to/get-through-a-bad-night.md, among 500 jobs: each task with its clicks and seconds on the
page, and its command."""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser.conftest import Site
from harness.repositories.sample_company import company
from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/how-to/get-through-a-bad-night.md"
_ROW = re.compile(r"^\| ([^|]+) \| [^|]+ \| (\d+) \| `([^`]+)` \|$", re.MULTILINE)
_SLOWEST = 10
"""Seconds for a task, of a machine: what a person reads and types comes on top."""
TABLE = {task: (int(clicks), command) for task, clicks, command in _ROW.findall(GUIDE.read_text())}


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory, _guarded_environment: None) -> Iterator[Site]:
    with company(tmp_path_factory.mktemp("company"), jobs=500) as found:
        yield found


class Operator:
    """A person at the first page, whose clicks are counted."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.clicks = 0
        page.goto(address)
        self.began = time.perf_counter()

    def click(self, selector: str) -> None:
        self.clicks += 1
        self.page.locator(selector).first.click()

    def sees(self, selector: str, text: str | re.Pattern[str]) -> None:
        expect(self.page.locator(selector).first).to_contain_text(text)


COMMIT = "[data-row] a[title^='version 2 by Tomasz Nowak']"


def fails(operator: Operator) -> None:
    operator.sees("[data-row]", re.compile("failing.*invoice-run", re.DOTALL))


def since(operator: Operator) -> None:
    expect(operator.page.locator(COMMIT)).to_be_visible()


def changed(operator: Operator) -> None:
    operator.click(COMMIT)
    operator.sees("main", "Send invoices through the new gateway")
    operator.sees("table.fields", "webhook.url")


def differ(operator: Operator) -> None:
    operator.click("text=invoice-run")
    operator.click("text=compare…")
    operator.sees("h1", "version 1 and version 2")
    expect(operator.page.locator(".sides .add").first).to_be_visible()


def why(operator: Operator) -> None:
    operator.click("text=newsletter-digest")
    operator.page.fill("input[name=at]", "2026-11-29T02:00:00")
    operator.click("text=Explain")
    expect(operator.page.locator(".answer")).to_have_text(re.compile(r"\w.*\."))


def failed(operator: Operator) -> None:
    operator.click("text=Executions")
    operator.click("text=failed in the last hour")
    expect(operator.page).to_have_url(re.compile("status=failed&within=1h"))


def find(operator: Operator) -> None:
    operator.page.keyboard.press("/")
    operator.page.keyboard.type("reindex")
    expect(operator.page.locator("[data-row]")).to_have_count(1)
    operator.sees("[data-row]", "search-reindex")


def pause(operator: Operator) -> None:
    operator.click("[title='team=billing']")
    operator.click("summary:has-text('Pause…')")
    operator.page.fill("#bulk-pause input[name=reason]", "the gateway is down")
    operator.click("#bulk-pause button")
    operator.sees(".banner.done", "4 jobs of 4 paused")


def roll_back(operator: Operator) -> None:
    operator.click("text=invoice-run")
    operator.click("text=Roll back to version 1")
    operator.page.fill("input[name=reason]", "the gateway refuses")
    expect(operator.page.locator("text=Commit the rollback")).to_be_enabled()
    operator.clicks += 1  # test_pages makes that commit; here the commit is undone below


def undo(operator: Operator) -> None:
    operator.click(COMMIT)
    operator.click("text=Undo this commit")
    operator.page.fill("input[name=reason]", "the gateway refuses")
    operator.click("text=Commit the undo")
    operator.sees(".banner.done", "Undid commit")


TASKS: dict[str, Callable[[Operator], None]] = {
    "What fails?": fails,
    "Since which commit?": since,
    "What did that commit change?": changed,
    "How do two versions differ?": differ,
    "Why did it (not) run at 02:00?": why,
    "Which executions failed in the last hour?": failed,
    "Find a job": find,
    "Pause a team": pause,
    "Roll a job back": roll_back,
    "Undo a commit": undo,
}


def test_every_task_takes_the_clicks_that_the_guide_says(firm: Site, chromium: Browser) -> None:
    assert list(TABLE) == list(TASKS)
    context = chromium.new_context(viewport={"width": 1280, "height": 860})
    page, took = firm.watch(context.new_page()), {}
    page.goto(firm.url("/"))  # the first request of a runner makes its pages
    expect(page.locator("[data-live=count]")).to_have_text("500 jobs")
    for task, act in TASKS.items():
        operator = Operator(page, firm.url("/"))
        act(operator)
        took[task] = time.perf_counter() - operator.began
        assert operator.clicks == TABLE[task][0], task
    print(*(f"{task:<42} {TABLE[task][0]} clicks {seconds:5.2f} s" for task, seconds in took.items()), sep="\n")
    assert {task: seconds for task, seconds in took.items() if seconds > _SLOWEST} == {}
    assert firm.troubles == []
    context.close()


@pytest.mark.parametrize("has_scripts", [True, False])
def test_rows_below_the_first_frame_appear_and_stay(firm: Site, chromium: Browser, has_scripts: bool) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 860}, java_script_enabled=has_scripts)
    page = context.new_page()
    page.goto(firm.url("/"))
    last = page.locator(".later [data-row]").last
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport()
    expect(page.locator(".later")).to_have_css("content-visibility", "visible")
    if has_scripts:
        firm.runner.client.post("/jobs/uptime-probe/resume").raise_for_status()
        expect(page.locator("html[data-refreshed]")).to_be_attached(timeout=20_000)
        expect(page.locator(".later")).to_have_css("content-visibility", "visible", timeout=1)
        expect(last).to_be_in_viewport()
    context.close()


def test_the_first_frame_asks_for_few_fonts(firm: Site, chromium: Browser) -> None:
    """Each pair of a size and a weight is a question to another process before the first paint: there were 18."""
    page = chromium.new_page(viewport={"width": 1280, "height": 860})
    page.goto(firm.url("/"))
    found = page.evaluate(
        "() => [...new Set([...document.querySelectorAll('body *')].filter(one => one.checkVisibility())"
        ".map(getComputedStyle).map(one => `${one.fontFamily} ${one.fontSize} ${one.fontWeight}`))]"
    )
    assert len(found) <= 8, found
    page.close()


def test_every_command_of_the_guide_works(firm: Site) -> None:
    """After the page has undone the commit, so that the last two say that nothing is left to do."""
    bad = next(one["commit"] for one in firm.runner.get("/jobs/invoice-run/versions")["items"] if one["version"] == 2)
    environ = {**os.environ, "CHRONOS_SERVER": firm.runner.address}
    for task, (_, command) in TABLE.items():
        line = command.replace("COMMIT", bad).replace("$CHRONOS_SERVER", firm.runner.address)
        words = [sys.executable, "-m", "chronos_gitops", *shlex.split(line)[1:]]
        done = subprocess.run(words, cwd=firm.repository.root, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, f"{task}: {done.stdout}{done.stderr}"
        assert done.stdout.strip(), task
