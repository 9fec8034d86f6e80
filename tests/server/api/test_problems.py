import ast
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import XSS, app_of

import chronos_gitops
from chronos_gitops.server.api import problem_types
from chronos_gitops.server.api.endpoint import Endpoint
from chronos_gitops.server.api.problem_types import KINDS
from chronos_gitops.service import Service


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/nothing", 404, "not-found"),
        ("GET", "/api/v2", 404, "not-found"),
        ("GET", "/api/v1/jobs/", 404, "not-found"),
        ("GET", "/api/v1//jobs", 404, "not-found"),
        ("GET", "/api/v1/jobs/a/b/c/d", 404, "not-found"),
        ("GET", "/livez/", 404, "not-found"),
        ("DELETE", "/api/v1/jobs", 405, "method-not-allowed"),
        ("POST", "/api/v1/jobs/daily-backup", 405, "method-not-allowed"),
        ("GET", "/api/v1/jobs/daily-backup/trigger", 405, "method-not-allowed"),
        ("PATCH", "/metrics", 405, "method-not-allowed"),
        ("FOO", "/api/v1/jobs", 405, "method-not-allowed"),
        ("GET", "/problems/no-such", 404, "not-found"),
        ("GET", "/static/../pages.py", 404, "not-found"),
        ("GET", "/static/nothing.css", 404, "not-found"),
    ],
)
def test_every_error_is_a_problem(client: FlaskClient, method: str, path: str, status: int, kind: str) -> None:
    response = client.open(path, method=method)
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    problem = response.get_json()
    assert (problem["type"], problem["status"]) == (f"/problems/{kind}", status)
    assert problem["request_id"] == response.headers["X-Request-ID"]
    if status == 405:
        assert response.headers["Allow"]


@pytest.mark.parametrize("path", ["/api/v1/validate", "/api/v1/jobs/daily-backup/pause", "/api/v1/sync"])
def test_a_body_over_a_mebibyte_is_refused(client: FlaskClient, path: str) -> None:
    response = client.post(path, data=b"x" * (1024 * 1024 + 1))
    assert response.status_code == 413
    assert response.get_json()["type"] == "/problems/body-too-large"


def test_a_bug_is_a_problem_without_a_trace(shared: Service) -> None:
    app = app_of(shared)

    def broken() -> str:
        raise RuntimeError("the inner secret")

    app.add_url_rule("/broken", view_func=broken, declared=Endpoint(role=None))
    response = app.test_client().get("/broken")
    assert response.status_code == 500
    assert response.get_json()["type"] == "/problems/internal"
    assert "secret" not in response.get_data(as_text=True)


def test_every_type_is_served_as_json_and_as_a_page(client: FlaskClient) -> None:
    assert len(client.get("/problems").get_json()["items"]) == len(KINDS)
    for kind in KINDS:
        assert client.get(kind.uri).get_json()["title"] == kind.title
        page = client.get(kind.uri, headers={"Accept": "text/html,*/*"})
        assert page.mimetype == "text/html"
        assert kind.status == page.status_code or page.status_code == 200


def test_kinds_are_listed_once_and_what_the_api_raises_is_listed() -> None:
    listed = [kind.kind for kind in KINDS]
    assert len(set(listed)) == len(listed)
    room = Path(chronos_gitops.__file__).parent / "server"
    raised = {value for file in room.rglob("*.py") for value in _kinds_in(file)}
    assert raised
    assert raised <= set(listed)


def _kinds_in(file: Path) -> set[str]:
    """The values of ``kind`` in the classes of this file."""
    return {
        node.value.value
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and [getattr(target, "id", "") for target in node.targets] == ["kind"]
        and isinstance(node.value.value, str)
    } - {"address-in-use"}


def test_unlisted_kinds_are_answered_by_their_family() -> None:
    assert problem_types.of("somebody-elses").status == 500


def test_a_browser_gets_a_page_and_nothing_it_sent_is_run(client: FlaskClient) -> None:
    response = client.get(f"/jobs/{XSS}", headers={"Accept": "text/html"})
    assert response.status_code == 404
    assert response.mimetype == "text/html"
    assert "<script" not in response.get_data(as_text=True)
    api = client.get("/api/v1/jobs/x", headers={"Accept": "text/html"})
    assert api.mimetype == "application/problem+json"


@pytest.mark.parametrize("offered", ["", "a\tb", "x" * 200, "ü", "<b>"])
def test_a_request_id_that_is_not_harmless_is_replaced(client: FlaskClient, offered: str) -> None:
    assert client.get("/livez", headers={"X-Request-ID": offered}).headers["X-Request-ID"] != offered


def test_a_sane_request_id_comes_back(client: FlaskClient) -> None:
    assert client.get("/livez", headers={"X-Request-ID": "abc-1.2:3"}).headers["X-Request-ID"] == "abc-1.2:3"


def test_head_and_options(client: FlaskClient) -> None:
    head = client.head("/api/v1/jobs")
    assert (head.status_code, head.get_data()) == (200, b"")
    assert head.headers["ETag"] == client.get("/api/v1/jobs").headers["ETag"]
    options = client.options("/api/v1/jobs/daily-backup/trigger")
    assert options.status_code == 200
    assert {"POST", "OPTIONS"} == set(options.headers["Allow"].split(", "))
    assert "Access-Control-Allow-Origin" not in options.headers


def test_a_type_is_text_for_who_wants_text(client: FlaskClient) -> None:
    answer = client.get("/problems/not-found", headers={"Accept": "text/plain"})
    assert answer.mimetype == "text/plain"
    assert answer.get_data(as_text=True).startswith("Not found (HTTP status 404)\n\nGET /api/v1/jobs")
    assert client.get("/problems/not-found", headers={"Accept": "*/*"}).mimetype == "application/json"


def test_a_person_is_not_told_how_a_program_would_go_on(client: FlaskClient) -> None:
    """The remedies of the API name requests, headers and ETags; a page says what to do on the page."""
    page = client.get("/nothing", headers={"Accept": "text/html"}).get_data(as_text=True)
    kind = problem_types.of("not-found")
    assert kind.page_remedy in page
    assert kind.remedy not in page
    words = ("Authorization", "ETag", "GET ", "openapi.json", "header", "Fetch the resource")
    for kind in KINDS:
        met_on_a_page = kind.kind in ("not-found", "unauthorized", "conflict", "stale-version", "bad-request")
        assert not met_on_a_page or not any(word in (kind.page_remedy or kind.remedy) for word in words), kind.kind
