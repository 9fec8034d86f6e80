"""RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10) say what a caller has left."""

import re

from flask.testing import FlaskClient
from harness.api_fixtures import app_of, token_of

from chronos_gitops.server.api import budgets
from chronos_gitops.server.api.budgets import Limits
from chronos_gitops.service import Service

SECRET, TOKEN = token_of("ops", "read", "operate")
HEADERS = {"Authorization": f"Bearer {SECRET}"}
_ITEM = re.compile(r'"(calls|writes)";r=(\d+);t=(\d+)')


def left(client: FlaskClient, path: str = "/api/v1/jobs", method: str = "GET") -> dict[str, tuple[int, int]]:
    answer = client.open(path, method=method, headers=HEADERS)
    return {name: (int(calls), int(reset)) for name, calls, reset in _ITEM.findall(answer.headers["RateLimit"])}


def test_each_call_and_each_write_is_counted_and_comes_back(service: Service) -> None:
    app = app_of(service, TOKEN)
    budgets.install(app, Limits(rate=2, burst=4, writes=60))
    now = [100.0]
    budgets_of = app.extensions["chronos_gitops.budgets"]
    budgets_of.elapsed = lambda: now[0]
    client = app.test_client()
    answer = client.get("/api/v1/jobs", headers=HEADERS)
    assert answer.headers["RateLimit-Policy"] == '"calls";q=4;w=2'
    assert answer.headers["RateLimit"] == '"calls";r=3;t=1'
    assert left(client, "/api/v1/jobs/none/resume", "POST") == {"calls": (2, 1), "writes": (59, 1)}
    assert [left(client)["calls"] for _ in range(2)] == [(1, 2), (0, 2)]
    refused = client.get("/api/v1/jobs", headers=HEADERS)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert refused.headers["RateLimit"] == '"calls";r=0;t=2'
    now[0] += 2
    assert left(client)["calls"] == (3, 1)


def test_what_is_not_counted_has_none(service: Service) -> None:
    client = app_of(service, TOKEN).test_client()
    for path in ("/livez", "/static/chronos.css"):
        assert "RateLimit" not in client.get(path).headers
    without_callers = app_of(service).test_client()
    assert "RateLimit" not in without_callers.get("/api/v1/jobs").headers
