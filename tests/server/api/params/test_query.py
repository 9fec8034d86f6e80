import pytest
from flask.testing import FlaskClient


@pytest.mark.parametrize(
    ("url", "parameter", "meant"),
    [
        ("/api/v1/jobs?team=backend", "team", "tag.team"),
        ("/api/v1/jobs?environment=production", "environment", "tag.environment"),
        ("/api/v1/jobs?tags.team=backend", "tags.team", "tag.team"),
        ("/api/v1/jobs?stat=enabled", "stat", "state"),
        ("/api/v1/jobs?Limit=3", "Limit", "limit"),
        ("/api/v1/jobs?zzz=1", "zzz", None),
        ("/api/v1/jobs?tag.=1", "tag.", None),
        ("/api/v1/executions?state=failed", "state", "status"),
        ("/api/v1/jobs/daily-backup/executions?stats=failed", "stats", "status"),
        ("/api/v1/jobs/daily-backup?verbose=1", "verbose", None),
        ("/api/v1/jobs/daily-backup/versions/1/diff?agianst=2", "agianst", "against"),
        ("/readyz?verbos", "verbos", "verbose"),
    ],
)
def test_an_unknown_parameter_is_refused_with_the_one_meant(
    client: FlaskClient, url: str, parameter: str, meant: str | None
) -> None:
    response = client.get(url)
    assert response.status_code == 400
    problem = response.get_json()
    assert problem["type"] == "/problems/unknown-parameter"
    if meant is not None or parameter == "zzz":
        assert problem["did_you_mean"] == meant
    assert parameter in problem["detail"]


def test_a_write_call_takes_no_parameters_it_does_not_know(client: FlaskClient) -> None:
    response = client.post("/api/v1/jobs/daily-backup/trigger?dry_run=true")
    assert response.status_code == 400
    assert response.get_json()["type"] == "/problems/unknown-parameter"


@pytest.mark.parametrize("url", ["/api/v1/jobs?state=enabled&state=paused", "/api/v1/jobs?tag.team=a&tag.team=b"])
def test_a_parameter_given_twice_is_refused(client: FlaskClient, url: str) -> None:
    response = client.get(url)
    assert response.status_code == 400
    assert "2 times" in response.get_json()["detail"]


@pytest.mark.parametrize(
    ("url", "detail"),
    [
        ("/api/v1/jobs?state=enable", 'Did you mean "enabled"?'),
        ("/api/v1/executions?status=succes", 'Did you mean "success"?'),
        ("/api/v1/executions?status=", "pending, running, success, failed, skipped, cancelled"),
    ],
)
def test_a_value_that_is_no_choice_is_refused(client: FlaskClient, url: str, detail: str) -> None:
    response = client.get(url)
    assert response.status_code == 400
    assert detail in response.get_json()["detail"]
