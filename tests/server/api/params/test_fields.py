"""``fields`` of lists: each item has only these, and the answer says so."""

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import finished

LISTS = {
    "/api/v1/jobs": "name",
    "/api/v1/executions": "id",
    "/api/v1/jobs/daily-backup/executions": "id",
    "/api/v1/jobs/daily-backup/versions": "commit",
    "/api/v1/events": "type",
}


@pytest.mark.parametrize(("path", "field"), LISTS.items())
def test_items_have_the_fields_that_were_asked_for(own: FlaskClient, path: str, field: str) -> None:
    finished(own, own.post("/api/v1/jobs/daily-backup/trigger").get_json()["id"])
    whole = own.get(path).get_json()
    some = own.get(f"{path}?fields={field}").get_json()
    assert whole["items"]
    assert some == {
        "items": [{field: item[field]} for item in whole["items"]],
        "next": whole["next"],
        "fields": [field],
    }


def test_fields_go_with_pages_and_may_change_on_the_way(client: FlaskClient) -> None:
    first = client.get("/api/v1/jobs?limit=3&fields=name,state&fields=version").get_json()
    assert [set(item) for item in first["items"]] == [{"name", "state", "version"}] * 3
    assert client.get(first["next"]).get_json()["items"] == [{"name": "off", "state": "disabled", "version": 1}]
    other = first["next"].replace("fields=name%2Cstate&fields=version", "fields=id")
    assert [set(item) for item in client.get(other).get_json()["items"]] == [{"id"}]


def test_a_field_that_is_none_is_refused(client: FlaskClient) -> None:
    problem = client.get("/api/v1/jobs?fields=name,nxt_run").get_json()
    assert problem["status"] == 400
    assert 'not "nxt_run". Did you mean "next_run"?' in problem["detail"]
    for given in ("", "name,", "webhook.url"):
        assert client.get(f"/api/v1/jobs?fields={given}").status_code == 400
