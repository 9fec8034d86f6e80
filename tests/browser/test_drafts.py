"""A file that is saved and not committed, on the page: told as a draft, kept and discarded by its commands."""

import subprocess

from browser.conftest import Site
from playwright.sync_api import BrowserContext, Page, expect

JOB = "daily-backup"


def save(site: Site, path: str) -> None:
    """The job then calls another path."""
    file = site.repository.root / f"jobs/{JOB}.yaml"
    text = file.read_text()
    line = next(one for one in text.splitlines() if one.startswith("  url: "))
    file.write_text(text.replace(line, f"{line.rpartition('/backup')[0] or line.rpartition('/status')[0]}{path}"))


def opened(site: Site, context: BrowserContext, *, draft: bool) -> Page:
    site.runner.until(f"/jobs/{JOB}", lambda found: found["draft"] is draft)
    page = site.watch(context.new_page())
    page.goto(site.url(f"/jobs/{JOB}"))
    return page


def run(site: Site, status: str) -> str:
    made = site.runner.client.post(f"/jobs/{JOB}/trigger").raise_for_status().json()
    site.runner.until(f"/executions/{made['id']}", lambda found: found["status"] == status)
    return str(made["id"])


def shell(site: Site, command: str) -> None:
    subprocess.run(command, shell=True, cwd=site.repository.root, check=True, capture_output=True)


def test_a_draft_is_never_blamed_on_a_commit(own_site: Site, context: BrowserContext) -> None:
    save(own_site, "/status/400")
    opened(own_site, context, draft=True).close()
    execution = run(own_site, "failed")
    page = opened(own_site, context, draft=True)
    expect(page.locator(".head .tag.draft")).to_have_text("draft")
    banner = page.locator("section[aria-label='Failing since']")
    expect(banner).to_contain_text("It ran a draft, changed since version 2.")
    expect(page.locator("main")).not_to_contain_text("First failed version")
    page.goto(own_site.url(f"/executions/{execution}"))
    expect(page.locator("main dl")).to_contain_text("a draft, changed since version 2")
    expect(page.locator("main")).not_to_contain_text("First failed version")
    page.goto(own_site.url("/"))
    expect(page.locator(f"tr:has-text('{JOB}')").first).to_contain_text("draft")
    assert own_site.troubles == []


def test_its_diff_and_the_command_that_discards_it(own_site: Site, context: BrowserContext) -> None:
    save(own_site, "/status/400")
    page = opened(own_site, context, draft=True)
    box = page.locator("#draft")
    expect(box).to_contain_text(f"jobs/{JOB}.yaml")
    box.locator("summary").click()
    expect(box).to_contain_text("/status/400")
    expect(box.locator("del, .del, .minus, td.before").or_(box.locator("pre")).first).to_be_visible()
    discard = box.locator("p:has-text('Discard it') code")
    expect(discard).to_have_text(f"git restore -- jobs/{JOB}.yaml")
    shell(own_site, discard.inner_text())
    page = opened(own_site, context, draft=False)
    expect(page.locator("#draft")).to_have_count(0)
    expect(page.locator(".tag.draft")).to_have_count(0)


def test_the_command_that_keeps_it_makes_a_version_that_is_blamed(own_site: Site, context: BrowserContext) -> None:
    save(own_site, "/status/400")
    page = opened(own_site, context, draft=True)
    keep = page.locator("#draft p:has-text('Keep it') code").inner_text()
    shell(own_site, keep)
    own_site.runner.until(f"/jobs/{JOB}", lambda found: found["version"] == 3)
    run(own_site, "failed")
    page = opened(own_site, context, draft=False)
    expect(page.locator("section[aria-label='Failing since']")).to_contain_text("First failed version: 3")
    changed = own_site.runner.client.get("/events?type=commit_applied").raise_for_status().json()["items"][0]
    assert (changed["added"], changed["changed"], changed["removed"]) == ([], [JOB], [])
    drafts = own_site.runner.client.get("/events?type=drafts_applied").raise_for_status().json()["items"][0]
    assert (drafts["commit"], drafts["changed"]) == (None, [JOB])


def test_a_job_that_was_never_committed(own_site: Site, context: BrowserContext) -> None:
    text = (own_site.repository.root / f"jobs/{JOB}.yaml").read_text()
    own_site.repository.write("jobs/brand-new.yaml", text.replace(JOB, "brand-new"))
    own_site.runner.until("/jobs/brand-new", lambda found: found.get("draft") is True)
    page = own_site.watch(context.new_page())
    page.goto(own_site.url("/jobs/brand-new"))
    expect(page.locator(".head .tag.draft")).to_have_text("draft")
    expect(page.locator("#draft p:has-text('Discard it') code")).to_have_text("rm -- jobs/brand-new.yaml")
    shell(own_site, page.locator("#draft p:has-text('Keep it') code").inner_text())
    own_site.runner.until("/jobs/brand-new", lambda found: found.get("draft") is False and found["version"] == 1)
