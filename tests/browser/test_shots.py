"""The pages as an operator sees them on a bad day, photographed for the documents: ``make screenshots`` keeps them."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.conftest import Site
from harness.repositories.sample_company import company
from playwright.sync_api import Browser, Page, expect

SHOTS = Path(__file__).parents[2] / "build" / "screenshots" / "docs"
# Chromium itself makes the small picture: no other program is needed for it.
_WEBP = """async png => {
  const image = new Image();
  image.src = "data:image/png;base64," + png;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), {width: image.width, height: image.height});
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL("image/webp", 0.72).split(",")[1];
}"""


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory, _guarded_environment: None) -> Iterator[Site]:
    with company(tmp_path_factory.mktemp("company")) as found:
        yield found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_bad_day_is_told_by_the_pages(firm: Site, chromium: Browser, scheme: str) -> None:
    firm.troubles.clear()
    context = chromium.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 860})  # type: ignore[arg-type]  # one of its literals
    page, artist = firm.watch(context.new_page()), context.new_page()

    page.goto(firm.url("/"))
    expect(page.locator(".tile.failing b")).to_have_text("1")
    expect(page.locator("[data-row]").first).to_contain_text("invoice-run")
    expect(page.locator("[data-row]").first).to_contain_text("×")
    first, second = (page.locator("[data-row]").nth(number).bounding_box() for number in (0, 1))
    assert first
    assert second
    assert (860 - first["y"]) // (second["y"] - first["y"]) >= 20, "jobs above the fold"
    assert page.evaluate("document.querySelector('.jobs').scrollWidth <= document.querySelector('.wide').clientWidth")
    keep(page, artist, f"jobs-{scheme}")

    page.click("text=invoice-run")
    expect(page.locator(".banner.failed")).to_contain_text("by Tomasz Nowak: Send invoices through the new gateway")
    keep(page, artist, f"job-{scheme}")

    page.locator("[data-live=runs] [data-row] a").first.click()
    expect(page.locator("main")).to_contain_text("the gateway wants")
    keep(page, artist, f"run-{scheme}")

    page.goto(firm.url("/jobs/invoice-run/rollback/1"))
    expect(page.locator(".commit")).to_contain_text("Chronos-Restored-Version: 1")
    page.fill("input[name=reason]", "The new gateway refuses our batches; back until it is mended")
    page.locator(".commit").scroll_into_view_if_needed()
    keep(page, artist, f"rollback-{scheme}")

    page.goto(firm.url("/upcoming"))
    expect(page.locator(".heat tbody tr")).to_have_count(7)
    keep(page, artist, f"upcoming-{scheme}")

    page.goto(firm.url("/jobs/exchange-rates"))
    expect(page.locator(".versions")).to_contain_text("Roll back exchange-rates to version 1")
    assert firm.troubles == []
    context.close()


WIDTHS = (390, 1280, 1440)
# Cells clip what is too wide, so only the extent of their content tells. Names and schedules may end in an ellipsis.
_CUT = """() => [...document.querySelectorAll(".jobs :is(td, th)")].filter(cell => {
  Object.assign(cell.style, {overflow: "visible", textOverflow: "clip"});  // the end of an ellipsis hides the extent
  const content = document.createRange();
  content.selectNodeContents(cell);
  const beyond = content.getBoundingClientRect().right - cell.getBoundingClientRect().right;
  return beyond > 1 && !cell.querySelector(".line");
}).map(cell => cell.textContent.trim())"""


@pytest.mark.parametrize("width", WIDTHS)
def test_no_value_of_a_list_is_cut(firm: Site, chromium: Browser, width: int) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 860})
    page = firm.watch(context.new_page())
    for path in ("/", "/executions", "/upcoming", "/jobs/invoice-run"):
        page.goto(firm.url(path))
        for kind in (".jobs", ".runs"):
            cut = page.evaluate(
                "kind => [...document.querySelectorAll(kind)].filter(table =>"
                " table.scrollWidth > table.closest('.wide').clientWidth).length",
                kind,
            )
            assert cut == 0, f"{path} {kind}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(firm.url("/"))
    assert page.evaluate(_CUT) == []
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_readable_in_forced_colours_and_at_200_percent(firm: Site, chromium: Browser, scheme: str) -> None:
    """A browser at 200 % has half of the pixels across; text alone is twice as large by its own setting."""
    context = chromium.new_context(
        color_scheme=scheme,  # type: ignore[arg-type]  # one of its literals
        forced_colors="active",
        viewport={"width": 640, "height": 430},
        device_scale_factor=2,
    )
    page, artist = firm.watch(context.new_page()), context.new_page()
    for name, path in (("jobs", "/"), ("job", "/jobs/invoice-run"), ("upcoming", "/upcoming"), ("changes", "/changes")):
        page.goto(firm.url(path))
        keep(page, artist, f"forced-{name}-{scheme}", SHOTS.parent)
        assert page.evaluate("document.documentElement.scrollWidth") <= 640, path
        here = page.locator("nav a[aria-current], .head").first
        expect(here).to_be_visible()
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate("getComputedStyle(document.body).fontSize") == "30px", "text follows the reader's size"
        page.evaluate("document.documentElement.style.fontSize = ''")
    page.goto(firm.url("/"))
    outline = page.evaluate("getComputedStyle(document.querySelector('nav a[aria-current]')).outlineStyle")
    assert outline == "solid", "forced colours take backgrounds away"
    context.close()


def keep(page: Page, artist: Page, name: str, folder: Path = SHOTS) -> None:
    png = base64.b64encode(page.screenshot()).decode()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.webp").write_bytes(base64.b64decode(artist.evaluate(_WEBP, png)))
