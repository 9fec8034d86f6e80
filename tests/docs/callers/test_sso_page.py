"""docs/how-to/log-in-with-sso.md: its settings log people in with a real provider, and its table has the messages.

The settings for a proxy, and for nginx and Caddy, are those of tests/acceptance/proxies.
"""

import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from acceptance.identity.test_login_with_an_issuer import Site
from docs.printed.page_commands import HOW_TO, printed_commands, ran
from harness.engine_harness import eventually
from harness.processes.proxied_runner import settings_of
from harness.programs.identity.openid_provider import log_in

PAGE = (HOW_TO / "log-in-with-sso.md").read_text("utf-8")
MESSAGES = re.findall(r"^\| `([^`]+)`", PAGE, re.MULTILINE)
TOKEN = secrets.token_urlsafe(24)
OPERATOR = f"""
[proxy]
trusted = ["127.0.0.1"]
[[tokens]]
name = "operator"
sha256 = "{hashlib.sha256(TOKEN.encode()).hexdigest()}"
roles = ["read", "operate"]
"""


def settings(values: Mapping[str, object]) -> str:
    """Those of the page, with the addresses and the group of the test, and a token for its commands."""
    found = settings_of("log-in-with-sso.md", 0)
    for ours, theirs in (
        ("https://ops.example.com/chronos", values["public"]),
        ("https://sso.example.com/realms/acme", values["issuer"]),
        ("/run/secrets/oidc", values["secret"]),
        ("billing-dev", "ada-team"),
    ):
        assert found.count(ours) == 1, ours
        found = found.replace(ours, str(theirs))
    return found + OPERATOR


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, _guarded_environment: None) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(stack, tmp_path_factory.mktemp("page"), settings)


def run_command(site: Site, beginning: str) -> str:
    (line,) = [one.line for one in printed_commands("log-in-with-sso") if one.line.startswith(beginning)]
    environ = {"CHRONOS_SERVER": site.runner.address, "CHRONOS_TOKEN": TOKEN, "no_proxy": "*"}
    done = ran(line, site.config.parent, **environ)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.timeout(200)
def test_a_person_logs_in_and_has_the_grant_of_the_page_until_an_operator_ends_it(site: Site) -> None:
    run_command(site, "chronos-gitops config check")
    browser = site.browser()
    assert "Log in with Acme" in browser.get(site.page("/login")).text
    assert log_in(browser, site.page("/login/sso"), "ada").status_code == 303
    who = browser.get(site.page("/api/v1/whoami")).json()
    assert who["name"] == "ada@example.com"
    assert who["grants"] == [{"roles": ["read", "operate", "rollback"], "folders": ["jobs/billing"], "tags": {}}]
    shown = browser.get(site.page("/")).text
    assert all(text in shown for text in ("ada@example.com", "Log out", "Log out everywhere"))
    assert "ada@example.com" in run_command(site, "chronos-gitops sessions list")
    assert run_command(site, "chronos-gitops sessions end") == "1 session ended\n"
    eventually(lambda: browser.get(site.page("/api/v1/whoami")).status_code == 401, 10)


def test_messages_of_the_table_are_those_that_people_see(site: Site) -> None:
    no_grant, too_many, other_browser, no_issuer, no_address = MESSAGES
    refused = log_in(site.browser(), site.page("/login/sso"), "mallory")
    assert no_grant.replace("Ada", "mallory").replace("ada@", "mallory@") in refused.text
    assert too_many in log_in(site.browser(), site.page("/login/sso"), "crowd").text
    begun = site.browser().get(site.page("/login/sso"))
    state = parse_qs(urlsplit(begun.headers["Location"]).query)["state"][0]
    callback = site.page(f"/login/sso/callback?code=x&state={state}&iss={site.provider.issuer}")
    assert other_browser in site.browser().get(callback).text
    browser = site.browser()
    state = parse_qs(urlsplit(browser.get(site.page("/login/sso")).headers["Location"]).query)["state"][0]
    site.provider.stop()
    callback = site.page(f"/login/sso/callback?code=x&state={state}&iss={site.provider.issuer}")
    assert no_issuer in browser.get(callback).text
    text = re.sub("^public_url.*\n", "", site.config.read_text(), flags=re.MULTILINE)
    Path(site.config.parent, "without.toml").write_text(text)
    checked = ran("chronos-gitops config check --config without.toml", site.config.parent)
    assert no_address in checked.stdout + checked.stderr
