import base64
import json
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient


def test_pages_follow_each_other_without_gap_or_repetition(client: FlaskClient) -> None:
    seen, url = [], "/api/v1/jobs?limit=1&tag.team=backend"
    while url:
        response = client.get(url)
        page = response.get_json()
        seen += [job["name"] for job in page["items"]]
        url = page["next"]
        assert (f'<{url}>; rel="next"' == response.headers["Link"]) if url else "Link" not in response.headers
    assert seen == ["daily-backup", "off"]


def test_versions_are_paged_newest_first(client: FlaskClient) -> None:
    first = client.get("/api/v1/jobs/daily-backup/versions?limit=2").get_json()
    second = client.get(first["next"]).get_json()
    assert [version["version"] for version in first["items"] + second["items"]] == [3, 2, 1]
    assert second["next"] is None


def test_a_client_may_change_the_limit_on_the_way(client: FlaskClient) -> None:
    cursor = _cursor(client.get("/api/v1/jobs?limit=1").get_json()["next"])
    rest = client.get(f"/api/v1/jobs?limit=50&cursor={cursor}").get_json()
    assert [job["name"] for job in rest["items"]] == ["failing", "nightly", "off"]


def test_a_cursor_belongs_to_its_filters(client: FlaskClient) -> None:
    cursor = _cursor(client.get("/api/v1/jobs?limit=1").get_json()["next"])
    for url in (f"/api/v1/jobs?cursor={cursor}&state=enabled", f"/api/v1/executions?cursor={cursor}"):
        response = client.get(url)
        assert response.status_code == 400
        assert response.get_json()["type"] == "/problems/cursor-mismatch"


def _forged(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/executions", "/api/v1/jobs/daily-backup/versions"])
@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "%00",
        "ü",
        _forged([]),
        _forged({}),
        _forged(7),
        _forged(None),
        _forged("text"),
        _forged(["filters"]),
        _forged(["filters", "2026-01-01T00:00:00", "x"]),
        _forged(["filters", None, None]),
        _forged(["filters", [], {}]),
        _forged([["deep"] * 50, 1e400]),
        "WyI" * 3000,
        base64.urlsafe_b64encode(b"[" * 2000).decode(),
    ],
)
def test_a_cursor_nobody_gave_is_refused(client: FlaskClient, path: str, cursor: str) -> None:
    response = client.get(path, query_string={"cursor": cursor})
    assert response.status_code == 400
    assert response.get_json()["type"] == "/problems/cursor-mismatch"


@pytest.mark.parametrize(("limit", "status"), [("1", 200), ("1000", 200), ("1001", 400), ("0", 400), ("ten", 400)])
def test_the_limit_is_up_to_a_thousand(client: FlaskClient, limit: str, status: int) -> None:
    response = client.get(f"/api/v1/jobs?limit={limit}")
    assert response.status_code == status
    if status == 400:
        assert "1 to 1000" in response.get_json()["detail"]


def _cursor(url: str) -> str:
    return urlsplit(url).query.partition("cursor=")[2].partition("&")[0]
