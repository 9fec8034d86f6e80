"""The pages of jobs with calendars and freezes, in both themes and three widths: read by axe, and photographed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.conftest import Site
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository, job_text
from playwright.sync_api import Browser, expect

SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
PAGES = {"upcoming": "/upcoming", "moved": "/jobs/moved", "frozen": "/jobs/frozen", "changes": "/changes"}


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, _guarded_environment: None) -> Iterator[Site]:
    """Tomorrow is closed, and a freeze holds a job of every minute for a week."""
    folder, now = tmp_path_factory.mktemp("closed"), datetime.now(UTC)
    repository, tomorrow = Repository.init(folder / "checkout"), now + timedelta(days=1)
    week = f"from: {now - timedelta(days=1):%Y-%m-%d}, to: {now + timedelta(days=6):%Y-%m-%d}"
    fr = f"covers_until: {now.year + 1}-12-31\nclosed:\n  - {{date: {tomorrow:%Y-%m-%d}, reason: Inventory}}\n"
    freeze = f"timezone: UTC\nclosed: [{{{week}, reason: works}}]\napplies_to: {{tags: {{tier: pay}}}}\n"
    repository.write("jobs/_calendars/fr-holidays.yaml", fr)
    repository.write("jobs/_calendars/year-end-freeze.yaml", freeze)
    repository.write(
        "jobs/moved.yaml", job_text("moved", schedule="0 2,14 * * *") + "skip: [fr-holidays]\non_skip: previous\n"
    )
    repository.write("jobs/frozen.yaml", job_text("frozen", schedule="*/30 * * * *") + "tags: {tier: pay}\n")
    repository.write_job("hourly", schedule="0 * * * *")
    repository.commit("Close tomorrow")
    with Runner(str(repository.root), data=folder / "data") as runner:
        yield Site(runner, repository)


@pytest.mark.parametrize("width", [390, 1280, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_pages_with_calendars(closed: Site, chromium: Browser, name: str, scheme: str, width: int) -> None:
    closed.troubles.clear()
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]  # one of its literals
    page = closed.watch(context.new_page())
    page.goto(closed.url(PAGES[name]))
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"calendars-{name}-{scheme}-{width}.png", full_page=True)
    found = Axe().run(page).response["violations"]
    assert [f"{one['id']}: {one['nodes'][0]['html']}" for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert closed.troubles == []
    context.close()


def test_the_box_answers_why(closed: Site, chromium: Browser) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = closed.watch(context.new_page())
    page.goto(closed.url("/jobs/moved"))
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    page.fill("input[name=at]", f"{tomorrow:%Y-%m-%d}T14:00:00")
    page.click("text=Explain")
    expect(page.locator(".ask + p")).to_contain_text("fr-holidays closes")
    context.close()
