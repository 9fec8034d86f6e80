"""Logins while a real OpenID provider replaces its keys, or signs with another algorithm; with a hand-turned clock."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from harness.api_fixtures import Checkout, app_of, job_yaml, settings_of
from harness.programs.identity.openid_provider import CLIENT, OpenIdProvider, log_in
from harness.programs.tools import free_port
from harness.servers import Certificates

from chronos_gitops.app import build
from chronos_gitops.config.callers.issuers import Callers, ClaimGrant, Login, TokenIssuer
from chronos_gitops.config.model import Grant
from chronos_gitops.server.api.auth import tokens
from chronos_gitops.server.api.auth.sso.issuer_keys import IssuerKeys
from chronos_gitops.server.api.auth.sso.issuers import Issuers
from chronos_gitops.server.api.auth.sso.oidc_login import OidcLogin
from chronos_gitops.server.api.auth.tokens import TokenAuthenticator

PUBLIC = "https://ops.example.com/chronos"
LONG_SECRET = "a secret that is long enough for HS256, to sign with"


class Site:
    """The application in this process, and a provider that may be replaced; ``at`` is the time since the start."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        self.certificates = Certificates.make(folder)
        self.port, self.at = free_port(), 0.0
        (folder / "oidc").write_text(LONG_SECRET)
        checkout = Checkout(folder / "repo")
        checkout.write("pay", job_yaml("pay", "http://127.0.0.1:9/"))
        checkout.commit("Add a job")
        login = Login(folder / "oidc", ("openid", "email", "profile"))
        issuer = TokenIssuer("sso", f"https://127.0.0.1:{self.port}", CLIENT, "email", login=login)
        callers = Callers(
            (issuer,), (ClaimGrant("sso", (("email", ("ada@example.com",)),), Grant(frozenset({"read"}))),)
        )
        service = stack.enter_context(build(settings_of(checkout, folder / "data")))
        self.app = app_of(service, callers=callers, public_url=PUBLIC)
        issuers = Issuers(callers, {"sso": IssuerKeys(issuer, elapsed=lambda: self.at)})
        with self.app.app_context():
            known = tokens.callers()
        doors = TokenAuthenticator(
            known.sessions, issuers, OidcLogin(issuers, public_url=PUBLIC, key=service.sessions.login_key)
        )
        self.app.extensions["chronos_gitops.callers"] = doors

    def provider(self, algorithm: str = "RS256") -> OpenIdProvider:
        """Running until it is stopped, at the address of the issuer, with keys that nobody has seen."""
        made = OpenIdProvider(
            self.certificates,
            f"{PUBLIC}/login/sso/callback",
            port=self.port,
            client_secret=LONG_SECRET,
            algorithm=algorithm,
        )
        return self._stack.enter_context(made)

    def log_in(self) -> tuple[int, str]:
        context = ssl.create_default_context(cafile=self.certificates.authority)
        here = {"https://ops.example.com": httpx.WSGITransport(app=self.app)}
        with httpx.Client(verify=context, mounts=here, trust_env=False, timeout=30) as browser:
            browser.headers["Accept"] = "text/html"
            answer = log_in(browser, f"{PUBLIC}/login/sso", "ada")
            return answer.status_code, answer.headers.get("Location", "") or answer.text


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with ExitStack() as stack:
        found = Site(stack, tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(found.certificates.authority))
        yield found


def test_a_login_counts_with_the_keys_of_the_provider_as_they_are_now(site: Site) -> None:
    """An unknown key is asked for again, once a minute at most: also when somebody shows made-up ones."""
    first, let_in = site.provider(), (303, "/chronos/")
    assert site.log_in() == let_in
    first.stop()
    site.provider()
    site.at = 59.0
    status, text = site.log_in()
    assert (status, "signed by no key of its issuer" in text) == (401, True)
    site.at = 60.0
    assert site.log_in() == site.log_in() == let_in


@pytest.mark.parametrize(
    ("algorithm", "status"), [("RS256", 303), ("ES256", 303), ("PS256", 401), ("EdDSA", 401), ("HS256", 401)]
)
def test_only_two_algorithms_are_taken(site: Site, algorithm: str, status: int) -> None:
    """HS256 is signed with the secret of the client, which is no key of the issuer."""
    site.provider(algorithm)
    found, said = site.log_in()
    assert (found, "signed by no key of its issuer" in said) == (status, status == 401)
