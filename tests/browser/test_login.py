"""A login in a real browser: who the page's head names, and a page that stays fresh while no stream is free."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import httpx
import pytest
from browser.conftest import Site, populate
from browser.test_pages import SHOTS
from harness.api_fixtures import token_of
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository
from playwright.sync_api import BrowserContext, Page, expect

from chronos_gitops.cli.demo.receiver import Receiver

READERS = 4
OPS = token_of("ops", "read", "operate")


@pytest.fixture
def guarded_site(tmp_path: Path) -> Iterator[Site]:
    tables = [f'[[tokens]]\nname = "ops"\nsha256 = "{OPS[1].sha256}"\nroles = ["read", "operate"]\n']
    for number in range(READERS):
        digest = token_of(f"reader-{number}", "read")[1].sha256
        tables.append(f'[[tokens]]\nname = "reader-{number}"\nsha256 = "{digest}"\nroles = ["read"]\n')
    (tmp_path / "chronos.toml").write_text("\n".join(tables))
    with Receiver() as receiver:
        repository = Repository.init(tmp_path / "checkout")
        populate(repository, receiver.url(""))
        environ = {"CHRONOS_CONFIG": str(tmp_path / "chronos.toml")}
        with Runner(str(repository.root), data=tmp_path / "data", environ=environ) as runner:
            runner.client.headers["Authorization"] = f"Bearer {OPS[0]}"
            yield Site(runner, repository)


def log_in(site: Site, page: Page, way_back: str) -> None:
    page.goto(site.url(way_back))
    page.fill("#token", OPS[0])
    page.click("button:has-text('Log in')")
    page.wait_for_url(f"**{way_back}")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_head_names_the_caller_and_the_end_of_its_session(
    guarded_site: Site, context: BrowserContext, scheme: str, width: int
) -> None:
    page = guarded_site.watch(context.new_page())
    page.set_viewport_size({"width": width, "height": 860})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its literals
    log_in(guarded_site, page, "/jobs/daily-backup")
    expect(page.locator("form.out")).to_contain_text("ops · session ends in 1")
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"logged-in-{scheme}-{width}.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for path in ("/jobs/no-such-job", "/nowhere", "/problems/not-found", "/api/docs"):
        page.goto(guarded_site.url(path))
        expect(page.locator("form.out")).to_contain_text("ops · session ends in 1")
        expect(page.locator("nav[aria-label=Pages] a")).to_have_count(7)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    # Chromium itself reports each answer of 404.
    assert all("404" in one for one in guarded_site.troubles)
    guarded_site.troubles.clear()
    page.click("text=Log out")
    page.wait_for_url("**/login")
    assert guarded_site.troubles == []


def test_a_page_stays_fresh_while_every_stream_is_taken(guarded_site: Site, context: BrowserContext) -> None:
    with ExitStack() as streams:
        taken = [
            streams.enter_context(_stream(guarded_site, f"secret-of-reader-{number}")).status_code
            for number in range(READERS)
            for _ in range(2)
        ]
        assert taken == [200] * 8
        with _stream(guarded_site, OPS[0]) as refused:
            assert refused.status_code == 503
        page = guarded_site.watch(context.new_page())
        log_in(guarded_site, page, "/jobs/daily-backup")
        page.click("text=Versions")  # nothing has the focus
        guarded_site.runner.client.post("/jobs/daily-backup/trigger").raise_for_status()
        expect(page.locator("[data-live=runs] tbody tr")).to_have_count(1, timeout=15_000)
        assert guarded_site.troubles == []


def _stream(site: Site, secret: str) -> AbstractContextManager[httpx.Response]:
    headers = {"Authorization": f"Bearer {secret}", "Accept": "text/event-stream"}
    return site.runner.client.stream("GET", "/events", headers=headers)


def test_a_page_whose_session_has_ended_says_so(guarded_site: Site, context: BrowserContext) -> None:
    page = guarded_site.watch(context.new_page())
    log_in(guarded_site, page, "/jobs/daily-backup")
    context.clear_cookies()
    guarded_site.runner.client.post("/jobs/daily-backup/trigger").raise_for_status()
    expect(page.locator("#away")).to_contain_text("Your session has ended.", timeout=40_000)
    page.click("text=Log in again")
    expect(page).to_have_url(guarded_site.url("/login?next=%2Fjobs%2Fdaily-backup"))
