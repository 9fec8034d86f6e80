"""A runner of staging in a browser: its environment in the header, and where each field of a job is written."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.conftest import Site
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository
from playwright.sync_api import Browser, expect

SHOTS = Path(__file__).parents[2] / "build" / "screenshots"


@pytest.fixture(scope="module")
def staging(tmp_path_factory: pytest.TempPathFactory, _guarded_environment: None) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("staging")
    repository = Repository.init(folder / "checkout")
    repository.write("jobs/_environments/staging.yaml", "variables: {api: http://127.0.0.1:9}\n")
    repository.write("jobs/_environments/production.yaml", "variables: {api: http://127.0.0.1:9}\n")
    repository.write("jobs/payments/_defaults.yaml", "timezone: Europe/Paris\ntimeout: 30s\ntags: {team: payments}\n")
    job = "name: nightly-settlement\nschedule: '0 4 * * *'\nwebhook:\n  url: ${var:api}/v1/settle\n"
    repository.write("jobs/payments/nightly-settlement.yaml", job)
    repository.commit("Add a job")
    with Runner(str(repository.root), "--environment", "staging", data=folder / "data") as runner:
        yield Site(runner, repository)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280, 1440])
def test_environment_and_places_are_shown_at_every_width(
    staging: Site, chromium: Browser, scheme: str, width: int
) -> None:
    staging.troubles.clear()
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]  # one of its literals
    page = staging.watch(context.new_page())
    page.goto(staging.url("/jobs/nightly-settlement"))
    expect(page).to_have_title("staging · nightly-settlement · chronos-gitops")
    expect(page.locator("header .environment")).to_be_in_viewport()
    expect(page.locator("header .environment")).to_contain_text("staging")
    row = page.locator("table.fields tr", has_text="timezone")
    expect(row).to_contain_text("jobs/payments/_defaults.yaml:1")
    expect(row).to_contain_text("inherited")
    box = row.locator(".tag").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= width, "the place is cut"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"environment-{width}-{scheme}.png", full_page=True)
    assert staging.troubles == []
    context.close()
