"""Pages of other sites: none unless the operator names it, and never with a cookie."""

import dataclasses

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import app_of, token_of

from chronos_gitops.service import Service

DASHBOARD = "https://dashboard.example.com"
SECRET, READER = token_of("read", "read")
GOOD = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture
def allowing(shared: Service) -> FlaskClient:
    named = dataclasses.replace(shared.settings, cors_origins=(DASHBOARD,))
    return app_of(dataclasses.replace(shared, settings=named), READER).test_client()


def test_a_named_page_may_read_with_a_token(allowing: FlaskClient) -> None:
    answer = allowing.get("/api/v1/jobs", headers=GOOD | {"Origin": DASHBOARD})
    assert answer.headers["Access-Control-Allow-Origin"] == DASHBOARD
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_it_reads_refusals_too(allowing: FlaskClient) -> None:
    refused = allowing.get("/api/v1/jobs", headers={"Origin": DASHBOARD})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, DASHBOARD)


def test_its_browser_asks_first_without_a_token(allowing: FlaskClient) -> None:
    asks = {"Origin": DASHBOARD, "Access-Control-Request-Method": "POST"}
    answer = allowing.options("/api/v1/jobs/daily-backup/trigger", headers=asks)
    assert answer.status_code == 200
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://dashboard.example.com", f"{DASHBOARD}.evil.example", "null", "*", ""]
)
def test_others_may_not(allowing: FlaskClient, origin: str) -> None:
    answer = allowing.get("/api/v1/jobs", headers=GOOD | {"Origin": origin})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Origin" in answer.headers["Vary"]


def test_the_page_itself_is_nobodys(allowing: FlaskClient) -> None:
    answer = allowing.get("/", headers=GOOD | {"Origin": DASHBOARD})
    assert "Access-Control-Allow-Origin" not in answer.headers
