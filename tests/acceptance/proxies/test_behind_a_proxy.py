"""A runner behind nginx and behind Caddy, with TLS and a path: each page, each call of the API, and the client."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from harness.api_fixtures import token_of
from harness.openapi_check import SPECIFICATION
from harness.processes.proxied_runner import PROXIES, ProxiedRunner, configuration, start
from harness.servers import Certificates

OPS = token_of("ops", "read", "operate", "rollback")
PASSED_ON = {proxy: configuration("deploy.md", proxy) for proxy in PROXIES}
TAKEN_OFF = {
    "nginx": PASSED_ON["nginx"].replace("127.0.0.1:8080;", "127.0.0.1:8080/;"),
    "caddy": PASSED_ON["caddy"].replace("handle /", "handle_path /"),
}
OTHER_HOST = {
    "nginx": TAKEN_OFF["nginx"].replace("proxy_set_header Host $http_host;", ""),
    "caddy": TAKEN_OFF["caddy"].replace(":8080", ":8080 {\n header_up Host {upstream_hostport}\n}"),
}
TRUSTING = {  # a proxy before the proxy has written X-Forwarded-For
    "nginx": TAKEN_OFF["nginx"],
    "caddy": TAKEN_OFF["caddy"].replace(":8080", ":8080 {\n trusted_proxies 127.0.0.1/32\n}"),
}
TOKENS = f"""
proxy.trusted = ["127.0.0.1/32"]
[[tokens]]
name = "ops"
sha256 = "{OPS[1].sha256}"
roles = ["read", "operate", "rollback"]
"""
OUTSIDE = {"/livez", "/readyz", "/health"}
"""Asked by what runs beside the runner, under its own address."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=PROXIES)
def proxy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("lines", [PASSED_ON, TAKEN_OFF], ids=["passed-on", "taken-off"])
def test_every_link_of_every_page_stays_under_the_path(
    stack: ExitStack, tmp_path: Path, certificates: Certificates, proxy: str, lines: dict[str, str]
) -> None:
    found = start(stack, tmp_path, certificates, proxy, lines[proxy])
    execution = found.runner.client.post("/jobs/one/trigger", json={}).json()["id"]
    found.runner.until(f"/executions/{execution}", lambda row: row["status"] not in ("pending", "running"))
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
            if asked not in seen and asked not in waiting and not is_form and len(seen) < 200:
                waiting.append(asked)
    assert {path: status for path, status in seen.items() if status >= 400} == {}
    commit = found.repository.head()
    pages = {"", "changes", "upcoming", "status", "executions", "jobs/one", f"executions/{execution}"}
    pages |= {"jobs/one/versions/1", "jobs/one/rollback/1", f"commits/{commit}"}
    assert {f"/chronos/{page}" for page in pages} <= {path.partition("?")[0] for path in seen}
    assert found.get("/chronos/docs").headers["Location"] == "/chronos/api/docs"


def values(found: ProxiedRunner) -> dict[str, str]:
    """The values of path parameters, so that as many calls as possible find something."""
    execution = found.browser.post("api/v1/jobs/one/trigger", json={}).json()["id"]
    window = {"from": "2026-11-01T00:00:00Z", "until": "2026-11-02T00:00:00Z"}
    replay = found.browser.post("api/v1/jobs/one/replays", json=window).json()
    named = {"name": "one", "n": "1", "execution_id": execution, "replay_id": replay.get("id", "none")}
    return named | {"calendar": "none", "forge": "github", "session_id": "0" * 64, "kind": "not-found"}


def test_every_call_of_the_api_leads_through_the_proxy(
    stack: ExitStack, tmp_path: Path, certificates: Certificates, proxy: str
) -> None:
    """Each operation of the document; and each link of each answer leads to an answer, by what the client writes."""
    found = start(stack, tmp_path, certificates, proxy, OTHER_HOST[proxy], TOKENS)
    found.browser.headers["Authorization"] = f"Bearer {OPS[0]}"
    document = found.browser.get("api/v1/openapi.json").json()
    assert document["servers"] == [{"url": "/chronos"}]
    assert set(document["paths"]) == set(SPECIFICATION["paths"])
    given, called, followed = values(found), 0, 0
    for path, operations in document["paths"].items():
        for method in sorted(set(operations) & {"get", "post"} if path not in OUTSIDE else ()):
            asked = re.sub(r"\{(\w+)\}", lambda part: given[part[1]], path).removeprefix("/")
            names = {one.get("name") for one in operations[method].get("parameters", [])}
            options: dict[str, Any] = {"params": {"limit": "1"}} if "limit" in names else {}
            answer = found.browser.request(method, asked, **options, **({"json": {}} if method == "post" else {}))
            assert "X-Request-ID" in answer.headers, f"{method} {path} did not reach the runner"
            assert answer.status_code < 500, (method, path, answer.text)
            called += 1
            for link in links(answer):
                target = urljoin(str(answer.url), link)
                assert target.startswith(str(found.browser.base_url)), f"{method} {path}: {link}"
                assert found.browser.get(target).status_code == 200, f"{method} {path}: {link}"
                followed += 1
    assert called == sum(
        len(set(operations) & {"get", "post"}) for path, operations in document["paths"].items() if path not in OUTSIDE
    )
    assert followed >= 5, followed


def links(answer: httpx.Response) -> set[str]:
    """Headers that hold addresses, and each text in the answer that is an address of the runner."""
    found = {*re.findall(r"<([^>]+)>", answer.headers.get("Link", "")), answer.headers.get("Location", "")}
    if re.match(r"application/(problem\+)?json\b", answer.headers.get("Content-Type", "")):
        is_document = "openapi" in answer.json()
        found |= set() if is_document else {text for text in texts(answer.json()) if is_address(text)}
    return found - {""}


def texts(value: object) -> Iterator[str]:
    """But for the `type` of a problem: it is the same on every runner, so that clients compare it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        rest = [one for name, one in value.items() if name != "type"] if isinstance(value, dict) else value
        for one in rest:
            yield from texts(one)


def is_address(text: str) -> bool:
    first = {path.split("/")[1] for path in SPECIFICATION["paths"]} | {"jobs", "executions", "commits", "login"}
    parts = urlsplit(text)
    steps = [step for step in parts.path.split("/") if step != "chronos"]
    is_ours = parts.hostname in (None, "127.0.0.1") and "\n" not in text
    return is_ours and text.startswith(("/", "http")) and len(steps) > 1 and steps[1] in first


def test_events_come_through_the_proxy_as_they_happen(
    stack: ExitStack, tmp_path: Path, certificates: Certificates, proxy: str
) -> None:
    """nginx buffers what it passes on, unless a response says that it must not."""
    found = start(stack, tmp_path, certificates, proxy, TAKEN_OFF[proxy].replace("proxy_buffering off;", ""))
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


def test_a_form_of_the_page_works_under_the_path_also_where_the_proxy_changes_the_host(
    stack: ExitStack, tmp_path: Path, certificates: Certificates, proxy: str
) -> None:
    found = start(stack, tmp_path, certificates, proxy, OTHER_HOST[proxy])
    form = {"_next": "/chronos/jobs/one", "reason": "it moves", "for": "1h"}
    pause, own = found.url("/api/v1/jobs/one/pause"), {"Origin": found.origin, "Accept": "text/html"}
    sent = found.browser.post(pause, data=form, headers=own)
    assert (sent.status_code, sent.headers["Location"]) == (303, "/chronos/jobs/one")
    assert "Path=/chronos" in sent.headers["Set-Cookie"]
    assert "Paused one" in found.get("/chronos/jobs/one").text
    foreign = found.browser.post(pause, data=form, headers={**own, "Origin": "https://evil.example"})
    assert foreign.status_code == 403
    elsewhere = found.browser.post(pause, data=form | {"_next": "/another-program"}, headers=own)
    assert elsewhere.headers["Location"] == "/chronos/"


def test_the_client_is_the_rightmost_address_that_no_trusted_proxy_has(
    stack: ExitStack, tmp_path: Path, certificates: Certificates, proxy: str
) -> None:
    found = start(stack, tmp_path, certificates, proxy, TRUSTING[proxy], TOKENS)
    found.browser.headers["Authorization"] = f"Bearer {OPS[0]}"
    for forwarded in ("203.0.113.7", "198.51.100.1, 203.0.113.7", "junk, [2001:db8::1]:443, 203.0.113.7:5000"):
        found.browser.post("api/v1/jobs/one/trigger", json={}, headers={"X-Forwarded-For": forwarded})
        entries = found.browser.get("api/v1/audit").json()["items"]
        assert entries[0]["address"] == "203.0.113.7", forwarded


@pytest.mark.parametrize("trusted", ["10.0.0.0/8", "127.0.0.1/32"])
def test_no_client_names_its_own_address(
    stack: ExitStack, tmp_path: Path, certificates: Certificates, proxy: str, trusted: str
) -> None:
    """Neither past a proxy that is not trusted, nor past one that adds the address to what the client wrote."""
    settings = TOKENS.replace("127.0.0.1/32", trusted)
    found = start(stack, tmp_path, certificates, proxy, PASSED_ON[proxy], settings)
    found.browser.headers["Authorization"] = f"Bearer {OPS[0]}"
    lies = {"Forwarded": "for=198.51.100.9", "X-Real-IP": "198.51.100.9", "X-Forwarded-Host": "evil.example"}
    lies |= {"X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "/evil", "X_Forwarded_For": "198.51.100.9"}
    answer = found.browser.post("api/v1/jobs/one/trigger", json={}, headers=lies)
    assert answer.headers["Location"].startswith("/chronos/")
    assert "evil" not in json.dumps(answer.json()) + str(answer.headers)
    assert found.browser.get("api/v1/audit").json()["items"][0]["address"] == "127.0.0.1"
