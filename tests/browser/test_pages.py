"""Every page in both themes and two widths: read by axe, photographed, without a word of complaint."""

import re
import subprocess
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.conftest import XSS, Site
from harness.api_fixtures import eventually
from harness.processes.subprocess_runner import PROGRAM
from playwright.sync_api import Browser, BrowserContext, Page, expect

SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
PAGES = {
    "jobs": "/",
    "job": "/jobs/daily-backup",
    "failing": "/jobs/always-fails",
    "hostile": "/jobs/hostile-words",
    "version": "/jobs/daily-backup/versions/2",
    "rollback": "/jobs/daily-backup/rollback/1",
    "run": "",
    "executions": "/executions?status=failed&status=success",
    "upcoming": "/upcoming",
    "changes": "/changes",
    "audit": "/audit",
    "status": "/status",
    "commit": "/commits/",
    "undo": "/commits/",
    "compare": "/jobs/daily-backup/compare?from=1&to=2",
    "docs": "/api/docs",
    "problem": "/problems/stale-version",
}


def path_of(site: Site, name: str) -> str:
    if name in ("commit", "undo"):
        commit = site.runner.get("/jobs/daily-backup/versions/2")["commit"]
        return f"/commits/{commit}{'/undo' if name == 'undo' else ''}"
    if name != "run":
        return PAGES[name]
    runs: str = site.runner.get("/jobs/daily-backup/executions")["items"][0]["id"]
    return f"/executions/{runs}"


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_quiet_and_fits(site: Site, chromium: Browser, name: str, scheme: str, width: int) -> None:
    site.troubles.clear()
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]  # one of its literals
    page = site.watch(context.new_page())
    page.goto(site.url(path_of(site, name)))
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}-{scheme}-{width}.png")
    found = Axe().run(page).response["violations"]
    serious = [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]
    assert serious == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("window.pwned") is None
    assert site.troubles == []
    context.close()


def test_thirty_hostile_texts_are_shown_and_none_is_run(site: Site, context: BrowserContext) -> None:
    assert len(XSS) == 30
    page = site.watch(context.new_page())
    for path in ("/", "/jobs/hostile-words", "/changes", "/jobs/daily-backup", "/jobs/weekly-report"):
        page.goto(site.url(path))
        assert page.evaluate("window.pwned") is None, path
    page.goto(site.url("/jobs/hostile-words"))
    shown = page.inner_text(".lead")
    assert [text for text in XSS if text not in shown] == []
    for text in XSS:
        page.goto(site.url("/"))
        with page.expect_response(re.compile(r"/\?q=")):  # the list follows what is typed
            page.fill("input[name=q]", text)
        expect(page.locator("[data-live=count]")).to_have_text(re.compile(r"^[01] jobs?$"))
        assert page.evaluate("window.pwned") is None
        page.reload()
        expect(page.locator("input[name=q]")).to_have_value(text)
        assert page.evaluate("window.pwned") is None


def test_without_scripts_everything_is_there(site: Site, chromium: Browser) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.url("/"))
    page.click("text=daily-backup")
    expect(page.locator("h1")).to_have_text("daily-backup")
    page.click("text=roll back…")
    expect(page.locator("button.strong")).to_have_text("Commit the rollback")
    context.close()


def test_a_rollback_by_clicking_is_a_commit(own_site: Site, context: BrowserContext) -> None:
    page = own_site.watch(context.new_page())
    page.goto(own_site.url("/"))
    page.click("text=daily-backup")
    page.click("text=roll back…")
    page.fill("input[name=reason]", "it was better before")
    page.click("text=Commit the rollback")
    page.wait_for_url("**/jobs/daily-backup")
    expect(page.locator("main")).to_contain_text("Roll back daily-backup to version 1")
    said = own_site.repository.git("log", "-1", "--format=%s%n%b")
    assert said.startswith("Roll back daily-backup to version 1")
    assert "Chronos-Reason: it was better before" in said


def test_pausing_needs_a_reason_and_resuming_ends_it(own_site: Site, context: BrowserContext) -> None:
    page = own_site.watch(context.new_page())
    page.goto(own_site.url("/jobs/daily-backup"))
    page.click("summary:has-text('Pause')")
    page.click("details button:has-text('Pause')")
    assert page.url.endswith("/jobs/daily-backup")  # the browser asks for the reason itself
    page.fill("input[name=reason]", "the storage moves")
    page.click("details button:has-text('Pause')")
    expect(page.locator(".head .standing")).to_have_text("paused")
    page.click("button:has-text('Resume')")
    expect(page.locator(".head .standing")).to_have_text("healthy")


def test_a_run_by_hand_appears_without_a_reload(own_site: Site, context: BrowserContext) -> None:
    page = own_site.watch(context.new_page())
    page.goto(own_site.url("/jobs/daily-backup"))
    page.click("text=Versions")  # nothing has the focus
    own_site.runner.client.post("/jobs/daily-backup/trigger").raise_for_status()
    expect(page.locator("[data-live=runs] tbody tr")).to_have_count(2, timeout=15_000)


def test_an_open_page_asks_nothing_until_something_happens(own_site: Site, context: BrowserContext) -> None:
    page = own_site.watch(context.new_page())
    page.clock.install()
    with page.expect_request("**/live?tab=*"):
        page.goto(own_site.url("/jobs/daily-backup"))
    page.wait_for_timeout(2_000)  # of the machine: the stream is open, and has nothing to tell
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(20_000)  # four times as long as a page without a stream waits
    assert page.title()
    assert asked == []
    own_site.runner.client.post("/jobs/weekly-report/resume").raise_for_status()
    eventually(lambda: page.clock.run_for(500) or asked, seconds=20)
    assert asked == [own_site.url("/jobs/daily-backup")]
    assert own_site.troubles == []


def test_an_undo_by_clicking_is_a_commit(own_site: Site, context: BrowserContext) -> None:
    page = own_site.watch(context.new_page())
    page.goto(own_site.url("/changes"))
    page.click(".commit_applied a[href^='/commits/']")
    page.click("text=Undo this commit")
    page.fill("input[name=reason]", "the night was better before")
    page.click("text=Commit the undo")
    expect(page.locator(".banner.done")).to_contain_text("Undid commit")
    page.click("text=Open the commit")
    expect(page.locator("main")).to_contain_text("daily-backup")
    said = own_site.repository.git("log", "-1", "--format=%b")
    assert "Chronos-Reason: the night was better before" in said
    assert own_site.runner.get("/jobs/daily-backup")["schedule"] == "0 2 * * *"


def test_a_refresh_leaves_what_somebody_types(own_site: Site, context: BrowserContext) -> None:
    page = own_site.watch(context.new_page())
    page.goto(own_site.url("/jobs/daily-backup"))
    page.click("summary:has-text('Pause')")
    page.fill("input[name=reason]", "half a sen")
    own_site.runner.client.post("/jobs/daily-backup/trigger").raise_for_status()
    expect(page.locator("[data-live=runs] tbody tr")).to_have_count(2, timeout=15_000)
    expect(page.locator("input[name=reason]")).to_have_value("half a sen")
    expect(page.locator("input[name=reason]")).to_be_focused()


def test_the_list_follows_what_is_typed_and_so_do_its_forms(site: Site, context: BrowserContext) -> None:
    page = site.watch(context.new_page())
    page.goto(site.url("/"))
    expect(page.locator("[data-live=acts] button").first).to_have_text("Pause 5 jobs")
    page.locator("input[type=search]").press_sequentially("backup")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("[data-live=count]")).to_have_text("1 job")
    expect(page.locator("[data-live=acts] button").first).to_have_text("Pause 1 job")
    expect(page.locator("input[type=search]")).to_be_focused()
    assert page.url == site.url("/?q=backup")
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.fill("input[type=search]", "")
    expect(page.locator("[data-row]")).to_have_count(5)
    assert site.troubles == []


def test_keys_move_and_can_be_turned_off(site: Site, context: BrowserContext) -> None:
    page = site.watch(context.new_page())
    page.goto(site.url("/"))
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("[...document.querySelectorAll('[data-row]')].findIndex(r => r.matches('.at'))") == 1
    press(page, "/")
    expect(page.locator("input[type=search]")).to_be_focused()
    press(page, "Escape")
    press(page, "g")
    press(page, "u")
    page.wait_for_url("**/upcoming")
    press(page, "?")
    expect(page.locator("#help")).to_contain_text("Enter")
    press(page, "g")
    press(page, "j")
    assert page.url.endswith("/upcoming")  # keys of the page rest while the list is open
    press(page, "Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.click("#keys")
    press(page, "g")
    press(page, "c")
    assert page.url.endswith("/upcoming")


def test_enter_opens_the_row_and_brackets_turn_versions(site: Site, context: BrowserContext) -> None:
    page = site.watch(context.new_page())
    page.goto(site.url("/?q=daily-backup"))
    press(page, "j")
    press(page, "Enter")
    page.wait_for_url("**/jobs/daily-backup")
    page.goto(site.url("/jobs/daily-backup/versions/2"))
    press(page, "[")
    page.wait_for_url("**/versions/1")
    press(page, "]")
    page.wait_for_url("**/versions/2")


def test_the_theme_and_the_way_times_are_told_are_remembered(site: Site, context: BrowserContext) -> None:
    page = site.watch(context.new_page())
    page.goto(site.url("/jobs/daily-backup"))
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    press(page, "t")
    expect(page.locator("#theme")).to_have_text("Theme: light")
    press(page, "t")
    expect(page.locator("#theme")).to_have_text("Theme: dark")
    press(page, "z")
    expect(page.locator("[data-live=next] time").first).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:30:00 UTC$"))
    page.goto(site.url("/"))
    assert page.evaluate(paper) != light
    expect(page.locator("#times")).to_have_text("Times: UTC")
    assert site.troubles == []


def test_what_ran_in_the_last_ninety_minutes_stands_in_the_timeline(own_site: Site, context: BrowserContext) -> None:
    page = own_site.watch(context.new_page())
    page.goto(own_site.url("/"))
    ran = page.locator("[aria-labelledby=line-title] rect.success title").all_text_contents()
    failed = page.locator("[aria-labelledby=line-title] rect.failed title").all_text_contents()
    assert sum(int(text.split()[2]) for text in ran) == 2
    assert sum(int(text.split()[2]) for text in failed) == 1


def test_the_first_load_is_small(site: Site) -> None:
    sizes = {}
    for path in ("/", "/static/chronos.css", "/static/chronos.js"):
        content = site.runner.client.get(site.url(path), headers={"Accept": "text/html"}).content
        sizes[path] = len(content)
    print(sizes)
    assert sum(sizes.values()) < 90_000


def press(page: Page, key: str) -> None:
    page.keyboard.press(key)


def test_a_page_whose_runner_was_killed_says_so_until_it_is_back(
    own_site: Site, context: BrowserContext, tmp_path: Path
) -> None:
    page = context.new_page()
    page.goto(own_site.url("/"))
    expect(page.locator("#away p")).to_have_count(0)
    port = own_site.runner.address.rpartition(":")[2]
    own_site.runner.kill()
    expect(page.locator("#away")).to_contain_text("The runner does not respond.", timeout=30_000)
    expect(page.locator("#away")).to_contain_text("chronos-gitops doctor")
    expect(page.locator("[data-row]")).to_have_count(5)
    words = ("run", str(own_site.repository.root), "--data", str(tmp_path / "data"), "--listen", f"127.0.0.1:{port}")
    again = subprocess.Popen([*PROGRAM, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        expect(page.locator("#away p")).to_have_count(0, timeout=90_000)
    finally:
        again.terminate()
        again.wait(40)
