"""A login with a real OpenID provider, through nginx with TLS and a path, as a browser makes it."""

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from harness.processes.subprocess_runner import Runner
from harness.programs.identity.openid_provider import CLIENT, SECRET, OpenIdProvider, log_in
from harness.programs.nginx import Nginx
from harness.programs.tools import free_port
from harness.repositories.repository import Repository, job_text
from harness.servers import Certificates

SETTINGS = """
public_url = "{public}"
[proxy]
trusted = ["127.0.0.1"]
[[issuers]]
name = "sso"
issuer = "{issuer}"
audience = "{client}"
user = "email"
login = {{ client_secret_file = "{secret}", scopes = ["openid", "email", "profile"] }}
[[grants]]
from = "sso"
match = {{ groups = "ada-team" }}
roles = ["read", "operate"]
folders = ["jobs/billing"]
[[grants]]
from = "sso"
match = {{ email = ["unproven@example.com", "grace@example.com"] }}
roles = ["read"]
"""


class Site:
    """The runner behind its proxy, and the provider; ``settings`` writes the settings for given values."""

    def __init__(
        self,
        stack: ExitStack,
        folder: Path,
        settings: Callable[[Mapping[str, object]], str] = lambda values: SETTINGS.format(**values),
    ) -> None:
        certificates = Certificates.make(folder)
        port = free_port()
        self.public = f"https://127.0.0.1:{port}/chronos"
        self.provider = stack.enter_context(OpenIdProvider(certificates, f"{self.public}/login/sso/callback"))
        repository = Repository.init(folder / "checkout")
        repository.write("jobs/billing/charge.yaml", job_text("charge"))
        repository.write("jobs/other.yaml", job_text("other"))
        repository.commit("Add two jobs")
        (folder / "oidc").write_text(f"{SECRET}\n")
        self.config = folder / "chronos.toml"
        values = {"public": self.public, "issuer": self.provider.issuer, "client": CLIENT, "secret": folder / "oidc"}
        self.config.write_text(settings(values))
        self.environ = {"CHRONOS_CONFIG": str(self.config), "SSL_CERT_FILE": str(certificates.authority)}
        self.runner = stack.enter_context(Runner(str(repository.root), data=folder / "data", environ=self.environ))
        upstream = urlsplit(self.runner.address).port
        inside = f"location /chronos/ {{ proxy_pass http://127.0.0.1:{upstream}; proxy_set_header Host $http_host; }}"
        stack.enter_context(Nginx(certificates, inside=inside, port=port))
        self.authority = certificates.authority
        self._stack = stack

    def browser(self) -> httpx.Client:
        """With cookies of its own; redirects are followed by hand."""
        context = ssl.create_default_context(cafile=self.authority)
        headers = {"Accept": "text/html"}
        made = httpx.Client(base_url=self.public, verify=context, trust_env=False, timeout=30, headers=headers)
        return self._stack.enter_context(made)

    def page(self, path: str) -> str:
        return f"{self.public}{path}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, _guarded_environment: None) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(stack, tmp_path_factory.mktemp("login"))


def test_a_person_logs_in_and_comes_back_to_the_page_that_was_asked_for(site: Site) -> None:
    browser = site.browser()
    asked = browser.get(site.page("/jobs/charge"))
    assert (asked.status_code, asked.headers["Location"]) == (303, "/chronos/login?next=%2Fchronos%2Fjobs%2Fcharge")
    form = browser.get(f"https://127.0.0.1:{httpx.URL(site.public).port}{asked.headers['Location']}")
    link = re.search(r'href="([^"]+/login/sso[^"]*)"', form.text)
    assert link is not None, form.text
    assert 'name="token"' not in form.text  # no token exists, so none is asked for
    back = log_in(browser, str(httpx.URL(site.public).join(link[1])), "ada")
    assert (back.status_code, back.headers["Location"]) == (303, "/chronos/jobs/charge")
    session = next(value for value in back.headers.get_list("Set-Cookie") if "chronos_session" in value)
    assert session.startswith("__Secure-chronos_session=")
    assert all(word in session for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/chronos"))
    page = browser.get(site.page("/jobs/charge"))
    assert page.status_code == 200
    assert "ada@example.com · sso" in page.text
    who = browser.get(site.page("/api/v1/whoami")).json()
    assert (who["name"], who["via"]) == ("ada@example.com", "sso")
    assert who["grants"] == [{"roles": ["read", "operate"], "folders": ["jobs/billing"], "tags": {}}]


def test_who_logged_in_sees_and_changes_only_what_the_grants_say(site: Site) -> None:
    browser = site.browser()
    log_in(browser, site.page("/login/sso"), "ada")
    names = [one["name"] for one in browser.get(site.page("/api/v1/jobs")).json()["items"]]
    assert names == ["charge"]
    assert browser.get(site.page("/jobs/other")).status_code == 404
    own = {"Origin": site.public.removesuffix("/chronos")}
    pause, reason = site.page("/api/v1/jobs/charge/pause"), {"reason": "it moves"}
    assert browser.post(pause, json=reason, headers=own).status_code == 200
    assert browser.post(site.page("/api/v1/jobs/charge/resume"), json={}, headers=own).status_code == 200
    assert browser.post(site.page("/api/v1/jobs/charge/rollback/1"), json={}, headers=own).status_code == 403
    assert browser.post(pause, json=reason).status_code == 401  # not said to be our page


@pytest.mark.parametrize(
    ("user", "why"),
    [
        ("mallory", "mallory (mallory@example.com) has no grant here."),
        ("unproven", "unproven (unproven@example.com) has no grant here."),
        ("crowd", "The issuer left the groups out"),
    ],
)
def test_whom_no_grant_matches_is_refused_with_a_reason(site: Site, user: str, why: str) -> None:
    browser = site.browser()
    answer = log_in(browser, site.page("/login/sso"), user)
    assert answer.status_code == 403
    assert why in answer.text
    assert not any("chronos_session" in name for name in browser.cookies)


def test_a_login_counts_once_and_only_in_the_browser_that_began_it(site: Site) -> None:
    browser, thief = site.browser(), site.browser()
    begun = browser.get(site.page("/login/sso"))
    state = parse_qs(urlsplit(begun.headers["Location"]).query)["state"][0]
    for other in (thief, browser):
        answer = other.get(site.page(f"/login/sso/callback?code=made-up&state={state}"))
        assert answer.status_code == 403, answer.text
    finished = log_in(browser, site.page("/login/sso"), "ada")
    again = browser.get(str(finished.url))
    assert again.status_code == 403
    assert "Begin it again" in again.text


def test_an_answer_of_another_issuer_or_with_an_error_is_refused(site: Site) -> None:
    browser = site.browser()
    begun = browser.get(site.page("/login/sso"))
    state = parse_qs(urlsplit(begun.headers["Location"]).query)["state"][0]
    other = browser.get(site.page(f"/login/sso/callback?code=x&state={state}&iss=https://evil.example"))
    assert "of another issuer" in other.text
    denied = browser.get(
        site.page(f"/login/sso/callback?error=access_denied&state={state}&iss={site.provider.issuer}&unknown=1")
    )
    assert (denied.status_code, "refused the login: access_denied" in denied.text) == (403, True)


def test_logging_out_everywhere_ends_every_session_of_the_person(site: Site) -> None:
    first, second, other = site.browser(), site.browser(), site.browser()
    for browser, user in ((first, "ada"), (second, "ada"), (other, "grace")):
        log_in(browser, site.page("/login/sso"), user)
    own = {"Origin": site.public.removesuffix("/chronos")}
    assert "everywhere" in first.get(site.page("/")).text
    assert first.post(site.page("/logout"), data={"everywhere": "yes"}, headers=own).status_code == 303
    assert second.get(site.page("/api/v1/whoami")).status_code == 401
    assert other.get(site.page("/api/v1/whoami")).json()["name"] == "grace@example.com"


def test_audit_tells_who_logged_in_and_how(site: Site) -> None:
    browser = site.browser()
    log_in(browser, site.page("/login/sso"), "grace")
    log_in(site.browser(), site.page("/login/sso"), "mallory")
    entries = browser.get(site.page("/api/v1/audit")).json()["items"]
    told = {(one["action"], one["by"], one["via"], one["status"]) for one in entries}
    assert {("login", "anonymous", "none", 403), ("login", "grace@example.com", "sso", 303)} <= told


def test_an_id_token_of_the_login_is_no_bearer_token(site: Site) -> None:
    answer = site.runner.client.get("/whoami", headers={"Authorization": "Bearer a.b.c"})
    assert answer.status_code == 401


def test_without_the_issuer_a_login_says_so_and_sessions_go_on(tmp_path: Path) -> None:
    with ExitStack() as stack:
        site = Site(stack, tmp_path)
        browser = site.browser()
        log_in(browser, site.page("/login/sso"), "grace")
        site.provider.stop()
        assert browser.get(site.page("/api/v1/whoami")).status_code == 200
        begun = browser.get(site.page("/login/sso"))
        place = begun.headers["Location"]  # what discovery said is kept for an hour
        state = parse_qs(urlsplit(place).query)["state"][0]
        answer = browser.get(site.page(f"/login/sso/callback?code=x&state={state}&iss={site.provider.issuer}"))
        assert (answer.status_code, "sso cannot be asked now" in answer.text) == (503, True)
