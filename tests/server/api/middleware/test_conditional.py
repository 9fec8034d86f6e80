import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout

GETS = [
    "/api/v1/jobs",
    "/api/v1/jobs/daily-backup",
    "/api/v1/jobs/daily-backup/next",
    "/api/v1/jobs/daily-backup/versions",
    "/api/v1/jobs/daily-backup/versions/2",
    "/api/v1/jobs/daily-backup/versions/3/diff?against=1",
    "/api/v1/jobs/daily-backup/executions",
    "/api/v1/executions",
    "/api/v1/openapi.json",
    "/version",
    "/livez",
    "/readyz",
    "/health",
    "/problems",
]


@pytest.mark.parametrize("path", GETS)
def test_every_get_has_a_strong_etag_and_answers_304(client: FlaskClient, path: str) -> None:
    first = client.get(path)
    tag = first.headers["ETag"]
    assert not tag.startswith("W/")
    assert first.headers["Cache-Control"] == "private, no-cache"
    for header in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = client.get(path, headers={"If-None-Match": header})
        assert again.status_code == 304
        assert (again.get_data(), again.headers["ETag"]) == (b"", tag)
        assert "Content-Type" not in again.headers
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/sync", "/metrics", "/"])
def test_what_changes_by_itself_has_an_etag_too(client: FlaskClient, path: str) -> None:
    assert client.get(path).headers["ETag"].startswith('"')


def test_if_match_on_a_get_is_answered(client: FlaskClient) -> None:
    assert client.get("/version", headers={"If-Match": '"other"'}).status_code == 412
    tag = client.get("/version").headers["ETag"]
    assert client.get("/version", headers={"If-Match": tag}).status_code == 200


def test_errors_have_no_etag(client: FlaskClient) -> None:
    assert "ETag" not in client.get("/api/v1/jobs/nobody").headers


def test_the_commit_that_answers_is_named(own: FlaskClient, checkout: Checkout) -> None:
    assert own.get("/api/v1/jobs").headers["X-Chronos-Commit"] == checkout.git("rev-parse", "HEAD").strip()
