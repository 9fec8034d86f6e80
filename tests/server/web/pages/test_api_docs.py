"""The API's own page: made of the document, its commands work, no script and nothing from elsewhere."""

import re
import shlex
from html import unescape

import httpx
import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import XSS, app_of, token_of
from harness.openapi_check import SPECIFICATION

from chronos_gitops.server.api import page_links
from chronos_gitops.server.api.auth.rate_limit import FAILURES
from chronos_gitops.service import Service


@pytest.fixture
def text(client: FlaskClient) -> str:
    return client.get("/api/docs").get_data(as_text=True)


def commands(text: str) -> list[str]:
    return [unescape(found) for found in re.findall(r"<pre tabindex=\"0\">(curl .*?)</pre>", text, re.S)]


def test_every_operation_is_on_it(text: str) -> None:
    for path, methods in SPECIFICATION["paths"].items():
        for method, operation in methods.items():
            assert f'<h3 id="{operation["operationId"]}"><code>{method.upper()} {path}</code></h3>' in text
    assert len(commands(text)) == sum(len(methods) for methods in SPECIFICATION["paths"].values())


def test_it_loads_nothing_but_our_own_style(text: str) -> None:
    assert "<script" not in text
    assert "style=" not in text
    assert re.findall(r'(?:src|href)="(?!#)([^"?]*)(?:\?v=[0-9a-f]+)?"', text) == [
        "data:,",  # an empty icon, so that no browser asks for one
        "/static/chronos.css",
        "/",
        *(path for path, _, _ in page_links.PAGES),
        "/api/v1/openapi.json",
        "/problems",
    ]


def test_ids_are_unique(text: str) -> None:
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_every_command_can_be_sent(own: FlaskClient) -> None:
    """As a shell reads it; nothing is misunderstood, and what the example names is there."""
    for command in commands(own.get("/api/docs").get_data(as_text=True)):
        words = shlex.split(command)
        assert words.pop(0) == "curl"
        method = "GET"
        if words[0] == "-X":
            _, method = words.pop(0), words.pop(0)
        url = httpx.URL(words.pop(0))
        body = words[1] if words else None
        if words and words[0] == "--data-binary":
            body = "name: daily-backup\n"
        answer = own.open(str(url.raw_path, "ascii"), method=method, data=body)
        # Names and ids of the examples are made up; no job is a draft, and no token is signed.
        is_made_up = (
            re.search(r"execution|sessions/|/draft|calendars/|replays/|\.well-known/", url.path) is not None
            or body is not None
        )
        made_up = answer.status_code in (404, 409) and is_made_up
        assert answer.status_code < 300 or made_up, (command, answer.get_data(as_text=True)[:300])


def test_without_tokens_no_command_has_one_and_with_tokens_each_that_needs_it(shared: Service, text: str) -> None:
    assert "Authorization: Bearer $CHRONOS_TOKEN" not in text
    guarded = app_of(shared, token_of("read", "read")[1]).test_client().get("/api/docs").get_data(as_text=True)
    needing = [one for methods in SPECIFICATION["paths"].values() for one in methods.values() if one["security"]]
    assert unescape(guarded).count('"Authorization: Bearer $CHRONOS_TOKEN"') == len(needing)


def test_a_strange_host_cannot_write_into_it(shared: Service) -> None:
    client = app_of(shared, token_of("read", "read")[1]).test_client()
    refused = client.get("/api/docs", headers={"Host": f"x{XSS}"})
    assert (refused.status_code, refused.mimetype) == (421, "application/problem+json")
    assert refused.headers["X-Content-Type-Options"] == "nosniff"
    page = client.get("/login", headers={"Host": f"x{XSS}", "Accept": "text/html"})
    assert (page.status_code, page.mimetype, "<script" in page.get_data(as_text=True)) == (421, "text/html", False)


def test_a_page_that_is_open_to_all_counts_no_wrong_tokens(shared: Service) -> None:
    secret, reader = token_of("reader", "read")
    client = app_of(shared, reader).test_client()
    for path in ("/api/docs", "/login") * FAILURES:
        assert client.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 200
    assert client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
