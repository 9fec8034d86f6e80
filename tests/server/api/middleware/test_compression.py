"""gzip: for large answers to clients that take it, with an ETag of its own that works like that of the plain answer."""

import gzip

import pytest
from flask import Response
from flask.testing import FlaskClient

LARGE = ["/api/v1/openapi.json", "/", "/static/chronos.css", "/metrics", "/api/v1/jobs"]
GZIP = {"Accept-Encoding": "gzip, deflate"}


@pytest.fixture
def plain_client(client: FlaskClient) -> FlaskClient:
    """Takes compressed answers as they are."""
    return FlaskClient(client.application, Response)


@pytest.mark.parametrize("path", LARGE)
def test_a_large_answer_is_compressed_and_is_the_same(plain_client: FlaskClient, path: str) -> None:
    plain, small = plain_client.get(path, buffered=True), plain_client.get(path, headers=GZIP, buffered=True)
    assert small.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert "Accept-Encoding" in small.headers["Vary"]
    assert len(small.get_data()) == int(small.headers["Content-Length"]) < len(plain.get_data())
    same = gzip.decompress(small.get_data())
    assert same == plain.get_data() or path in ("/metrics", "/")  # these tell the time


@pytest.mark.parametrize("path", ["/api/v1/openapi.json", "/static/chronos.css"])
def test_its_etag_is_another_and_answers_304(plain_client: FlaskClient, path: str) -> None:
    plain, small = (
        plain_client.get(path, buffered=True).headers["ETag"],
        plain_client.get(path, headers=GZIP, buffered=True).headers["ETag"],
    )
    assert plain != small
    for tag in (plain, small):
        again = plain_client.get(path, headers={**GZIP, "If-None-Match": tag}, buffered=True)
        assert (again.status_code, again.headers["ETag"], again.get_data()) == (304, tag, b"")


def test_the_etag_of_a_compressed_job_goes_into_if_match(own: FlaskClient) -> None:
    tag = (
        FlaskClient(own.application, Response)
        .get("/api/v1/jobs/daily-backup", headers=GZIP, buffered=True)
        .headers["ETag"]
    )
    path = "/api/v1/jobs/daily-backup/rollback/1"
    assert own.post(path, headers={"If-Match": tag}, json={"dry_run": True}).status_code == 200
    assert own.post(path, headers={"If-Match": '"other-gzip"'}, json={"dry_run": True}).status_code == 412


@pytest.mark.parametrize("given", ["identity", "gzip;q=0", "br", None])
def test_nothing_is_compressed_for_clients_that_do_not_take_it(plain_client: FlaskClient, given: str | None) -> None:
    headers = {} if given is None else {"Accept-Encoding": given}
    assert "Content-Encoding" not in plain_client.get("/api/v1/openapi.json", headers=headers, buffered=True).headers


def test_small_answers_and_heads_stay_as_they_are(plain_client: FlaskClient) -> None:
    assert "Content-Encoding" not in plain_client.get("/version", headers=GZIP, buffered=True).headers
    assert "Content-Encoding" not in plain_client.head("/api/v1/openapi.json", headers=GZIP, buffered=True).headers
