"""The API of every runner refuses requests that a job sends (TEAMS 5), by whichever way they arrive."""

import pytest
from flask import Flask
from harness.api_fixtures import app_of, token_of
from server.api.auth.test_roles import STRANGER, routes

from chronos_gitops.server.api.endpoint import Endpoint
from chronos_gitops.service import Service

FROM_A_JOB = {"X-Chronos-Execution-ID": "0f8fad5b-d9cb-469f-a165-70867728950e"}
ROLES = ("read", "operate", "rollback")


@pytest.fixture(scope="module")
def guarded(shared: Service) -> Flask:
    return app_of(shared, *(token_of(role, role)[1] for role in ROLES))


@pytest.fixture(params=["with tokens", "without tokens"])
def app(request: pytest.FixtureRequest, shared: Service, guarded: Flask) -> Flask:
    return guarded if request.param == "with tokens" else app_of(shared)


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic eDp3cm9uZw=="])
def test_every_route_refuses_what_a_job_sends(app: Flask, authorization: str | None) -> None:
    client = app.test_client()
    headers = FROM_A_JOB | ({"Authorization": authorization} if authorization else {})
    elsewhere = Endpoint(role=None)
    matrix = [*routes(app), ("OPTIONS", "/api/v1/jobs", elsewhere), ("GET", "/nothing/here", elsewhere)]
    assert len(matrix) > 60
    for number, (method, path, declared) in enumerate(matrix):
        stranger = {"REMOTE_ADDR": f"192.0.2.{number % 200}"}
        response = client.open(path, method=method, headers=headers, environ_base=stranger)
        if declared.is_for_jobs:
            assert response.status_code != 403, (method, path)
            continue
        assert response.status_code == 403, (method, path, response.status_code)
        if method != "HEAD":
            assert "a job may not call a runner" in response.get_data(as_text=True), (method, path)


def test_a_job_with_a_token_of_the_runner_is_a_caller(guarded: Flask) -> None:
    client = guarded.test_client()
    secret, _ = token_of("operate", "operate")
    for method, path, _ in routes(guarded):
        headers = {"Authorization": f"Bearer {secret}"}
        plain = client.open(path, method=method, headers=headers).status_code
        assert client.open(path, method=method, headers=headers | FROM_A_JOB).status_code == plain, (method, path)


def test_guessing_tokens_by_job_ends_like_guessing_by_hand(guarded: Flask) -> None:
    client = guarded.test_client()
    wrong = FROM_A_JOB | {"Authorization": "Bearer guess"}
    assert {client.get("/livez", headers=wrong, environ_base=STRANGER).status_code for _ in range(50)} == {403}
    by_hand = {"Authorization": "Bearer guess"}
    assert client.get("/api/v1/jobs", headers=by_hand, environ_base=STRANGER).status_code == 429
