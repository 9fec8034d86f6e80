"""A runner behind nginx with TLS under a path: every link of every page and of the API, who the client is, who may."""

import json
import re
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from harness.api_fixtures import token_of
from harness.processes.subprocess_runner import Runner
from harness.programs.nginx import Nginx
from harness.programs.tools import free_port
from harness.repositories.repository import Repository, job_text
from harness.servers import Certificates

OPS = token_of("ops", "read", "operate", "rollback")
PAUSE = {"reason": "it moves", "until": "2100-01-01T00:00:00Z"}
SECRET = "a secret of the proxy"
PASSED_ON = """
    location /chronos/ { proxy_pass http://127.0.0.1:%(upstream)s; %(headers)s }
"""
TAKEN_OFF = """
    location /chronos/ { proxy_pass http://127.0.0.1:%(upstream)s/; %(headers)s }
"""
FORWARDED = "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
BARE = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
NAMED = f"""{FORWARDED} proxy_set_header Authorization ""; proxy_set_header X-Chronos-Proxy-Secret "{SECRET}";
    auth_basic "people"; auth_basic_user_file %(folder)s/people; proxy_set_header X-Forwarded-User $remote_user;"""
PEOPLE = "ada:{PLAIN}any\nmallory:{PLAIN}any\n"


@dataclass
class Site:
    runner: Runner
    browser: httpx.Client
    repository: Repository

    def url(self, path: str) -> str:
        return f"{self.browser.base_url}{path.removeprefix('/')}"

    def get(self, path: str) -> httpx.Response:
        return self.browser.get(urljoin(str(self.browser.base_url), path))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def site(stack: ExitStack, folder: Path, certificates: Certificates, location: str, headers: str, more: str) -> Site:
    """A runner with two jobs, one of them invalid, whose public address is nginx's at /chronos."""
    repository = Repository.init(folder / "checkout")
    repository.write("jobs/one.yaml", job_text("one"))
    repository.commit("Add one")
    repository.write("jobs/one.yaml", job_text("one", schedule="0 3 * * *"))
    repository.write("jobs/broken.yaml", "name: broken\n")
    repository.commit("Change one")
    port = free_port()
    settings = folder / "chronos.toml"
    settings.write_text(f'public_url = "https://127.0.0.1:{port}/chronos"\n{more}')
    environ = {"CHRONOS_CONFIG": str(settings), "SSL_CERT_FILE": str(certificates.authority)}
    runner = stack.enter_context(Runner(str(repository.root), data=folder / "data", environ=environ))
    (folder / "people").write_text(PEOPLE)
    folder.chmod(0o755)
    inside = location % {"upstream": urlsplit(runner.address).port, "headers": headers % {"folder": folder}}
    stack.enter_context(Nginx(certificates, inside=inside, port=port))
    context = ssl.create_default_context(cafile=certificates.authority)
    base = f"https://127.0.0.1:{port}/chronos/"
    browser = stack.enter_context(httpx.Client(base_url=base, verify=context, trust_env=False, timeout=20))
    return Site(runner, browser, repository)


TOKENS = f"""
proxy.trusted = ["127.0.0.1/32"]
[[tokens]]
name = "ops"
sha256 = "{OPS[1].sha256}"
roles = ["read", "operate", "rollback"]
"""


@pytest.mark.parametrize("location", [PASSED_ON, TAKEN_OFF], ids=["passed-on", "taken-off"])
def test_every_link_of_every_page_stays_under_the_path(
    stack: ExitStack, tmp_path: Path, certificates: Certificates, location: str
) -> None:
    found = site(stack, tmp_path, certificates, location, FORWARDED, "")
    seen: dict[str, int] = {}
    waiting = ["/chronos/"]
    while waiting:
        path = waiting.pop()
        answer = found.get(path)
        seen[path] = answer.status_code
        if "text/html" not in answer.headers.get("Content-Type", ""):
            continue
        links = re.findall(r'(?:href|src|action)="([^"]*)"', answer.text)
        links += re.findall(r'name="_?next" value="([^"]*)"', answer.text)
        for link in links:
            target = urlsplit(urljoin(path, link.replace("&amp;", "&")))
            if target.scheme in ("data", "https"):
                continue
            assert target.path.startswith("/chronos/"), f"{path} links to {link}"
            asked = target.path + (f"?{target.query}" if target.query else "")
            is_form = f'action="{link}"' in answer.text
            if asked not in seen and asked not in waiting and not is_form and len(seen) < 120:
                waiting.append(asked)
    assert {path: status for path, status in seen.items() if status >= 400} == {}
    assert {"/chronos/", "/chronos/changes", "/chronos/upcoming", "/chronos/status", "/chronos/jobs/one"} <= set(seen)
    assert "/chronos/executions" in seen
    assert found.get("/chronos/docs").headers["Location"] == "/chronos/api/docs"
    assert len(seen) > 20


def test_every_link_of_the_api_leads_through_the_proxy(
    stack: ExitStack, tmp_path: Path, certificates: Certificates
) -> None:
    found = site(stack, tmp_path, certificates, TAKEN_OFF, BARE, TOKENS)
    found.browser.headers["Authorization"] = f"Bearer {OPS[0]}"
    for _ in range(2):
        triggered = found.browser.post("api/v1/jobs/one/trigger", json={})
        assert triggered.status_code == 202, triggered.text
        assert triggered.headers["Location"].startswith("/chronos/api/v1/executions/")
        assert found.get(triggered.headers["Location"]).status_code == 200
    document = found.browser.get("api/v1/openapi.json").json()
    assert document["servers"] == [{"url": "/chronos"}]
    followed = 0
    for path, operations in document["paths"].items():
        if "get" not in operations or "stream" in json.dumps(operations["get"].get("operationId", "")):
            continue
        asked = path.removeprefix("/").replace("{name}", "one").replace("{n}", "1").replace("{calendar}", "x")
        asked = asked.replace("{kind}", "not-found")
        if "{" in asked or asked.endswith("/events"):
            continue
        limited = (
            {"limit": "1"} if any(one["name"] == "limit" for one in operations["get"].get("parameters", [])) else {}
        )
        answer = found.browser.get(asked, params=limited)
        link = re.search(r"<([^>]+)>", answer.headers.get("Link", ""))
        for following in filter(None, [link and link[1], _next(answer)]):
            assert following.startswith(str(found.browser.base_url)), f"{path}: {following}"
            assert found.browser.get(following).status_code == 200
            followed += 1
    assert followed >= 4


def test_events_come_through_the_proxy_as_they_happen(
    stack: ExitStack, tmp_path: Path, certificates: Certificates
) -> None:
    """nginx buffers what it passes on, unless a response says that it must not."""
    found = site(stack, tmp_path, certificates, TAKEN_OFF, FORWARDED, "")
    for path, line in (("live", "event: changed"), ("api/v1/events", "event: job_resumed")):
        with found.browser.stream("GET", path, headers={"Accept": "text/event-stream"}) as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            assert next(lines) == "retry: 5000"
            assert found.runner.client.post("/jobs/one/resume").status_code == 200
            assert next(one for one in lines if one.startswith("event:")) == line
    newest = found.browser.get("api/v1/events", params={"limit": 1}).json()["items"][0]["id"]
    again = {"Accept": "text/event-stream", "Last-Event-ID": str(newest - 1)}
    with found.browser.stream("GET", "api/v1/events", headers=again) as stream:
        assert f"id: {newest}" in stream.iter_lines()


def _next(answer: httpx.Response) -> str | None:
    is_json = answer.headers.get("Content-Type", "").startswith("application/json")
    body = answer.json() if is_json else None
    return body.get("next") if isinstance(body, dict) else None


def test_a_form_of_the_page_works_under_the_path_also_where_the_proxy_changes_the_host(
    stack: ExitStack, tmp_path: Path, certificates: Certificates
) -> None:
    found = site(stack, tmp_path, certificates, TAKEN_OFF, BARE, "")
    origin = str(found.browser.base_url).removesuffix("/chronos/")
    form = {"_next": "/chronos/jobs/one", "reason": "it moves", "for": "1h"}
    pause = found.url("/api/v1/jobs/one/pause")
    sent = found.browser.post(pause, data=form, headers={"Origin": origin, "Accept": "text/html"})
    assert (sent.status_code, sent.headers["Location"]) == (303, "/chronos/jobs/one")
    assert "Path=/chronos" in sent.headers["Set-Cookie"]
    assert "Paused one" in found.get("/chronos/jobs/one").text
    foreign = found.browser.post(pause, data=form, headers={"Origin": "https://evil.example", "Accept": "text/html"})
    assert foreign.status_code == 403
    elsewhere = found.browser.post(
        pause, data=form | {"_next": "/another-program"}, headers={"Origin": origin, "Accept": "text/html"}
    )
    assert elsewhere.headers["Location"] == "/chronos/"


def test_the_client_is_the_rightmost_address_that_no_trusted_proxy_has(
    stack: ExitStack, tmp_path: Path, certificates: Certificates
) -> None:
    found = site(stack, tmp_path, certificates, TAKEN_OFF, FORWARDED, TOKENS)
    found.browser.headers["Authorization"] = f"Bearer {OPS[0]}"
    for forwarded in ("203.0.113.7", "198.51.100.1, 203.0.113.7", "junk, [2001:db8::1]:443, 203.0.113.7:5000"):
        found.browser.post("api/v1/jobs/one/trigger", json={}, headers={"X-Forwarded-For": forwarded})
        entries = found.browser.get("api/v1/audit").json()["items"]
        assert entries[0]["address"] == "203.0.113.7", forwarded


def test_a_proxy_that_is_not_trusted_names_no_client(
    stack: ExitStack, tmp_path: Path, certificates: Certificates
) -> None:
    found = site(stack, tmp_path, certificates, TAKEN_OFF, FORWARDED, TOKENS.replace("127.0.0.1/32", "10.0.0.0/8"))
    found.browser.headers["Authorization"] = f"Bearer {OPS[0]}"
    found.browser.post("api/v1/jobs/one/trigger", json={}, headers={"X-Forwarded-For": "203.0.113.7"})
    assert found.browser.get("api/v1/audit").json()["items"][0]["address"] == "127.0.0.1"


@pytest.fixture
def proxied(stack: ExitStack, tmp_path: Path, certificates: Certificates) -> Site:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    more = f"""
[proxy]
trusted = ["127.0.0.1"]
user_header = "X-Forwarded-User"
secret_file = "{tmp_path}/secret"
[[grants]]
from = "proxy"
match = {{ user = "ada" }}
roles = ["read", "operate"]
"""
    return site(stack, tmp_path, certificates, TAKEN_OFF, NAMED, more)


def test_a_user_whom_the_proxy_lets_in_is_a_caller(proxied: Site) -> None:
    proxied.browser.auth = ("ada", "any")
    who = proxied.browser.get("api/v1/whoami").json()
    assert (who["name"], who["via"]) == ("ada", "proxy")
    assert "ada" in proxied.get("/chronos/").text
    proxied.browser.auth = ("mallory", "any")
    refused = proxied.browser.get("api/v1/whoami")
    assert (refused.status_code, refused.json()["detail"]) == (403, "mallory has no grant here.")


def test_a_proxied_user_writes_from_our_own_page_only(proxied: Site) -> None:
    proxied.browser.auth = ("ada", "any")
    origin = str(proxied.browser.base_url).removesuffix("/chronos/")
    pause = "api/v1/jobs/one/pause"
    assert proxied.browser.post(pause, json=PAUSE, headers={"Origin": "https://evil.example"}).status_code == 403
    assert proxied.browser.post(pause, json=PAUSE, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert proxied.browser.post(pause, json=PAUSE).status_code == 403
    assert proxied.browser.post(pause, json=PAUSE, headers={"Origin": origin}).status_code == 200


def test_the_header_of_whoever_is_no_proxy_is_as_if_not_sent(proxied: Site) -> None:
    """Past the proxy, with its address but without its secret, or with a wrong one."""
    for secret in ({}, {"X-Chronos-Proxy-Secret": "wrong"}, {"X-Chronos-Proxy-Secret": ""}):
        asked = proxied.runner.client.get("/whoami", headers={"X-Forwarded-User": "ada", **secret})
        assert asked.status_code == 401, secret
    asked = proxied.runner.client.get("/whoami", headers={"X-Forwarded-User": "ada", "X-Chronos-Proxy-Secret": SECRET})
    assert asked.json()["name"] == "ada"


def test_a_wrong_token_is_refused_although_the_proxy_names_a_user(proxied: Site) -> None:
    headers = {"X-Forwarded-User": "ada", "X-Chronos-Proxy-Secret": SECRET, "Authorization": "Bearer wrong"}
    assert proxied.runner.client.get("/whoami", headers=headers).status_code == 401
