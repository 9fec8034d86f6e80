"""Responses of what will be removed say so, and the document does."""

from datetime import date
from http import HTTPStatus

import pytest
from flask import Blueprint
from flask.testing import FlaskClient

from chronos_gitops.server.api.app import create_app
from chronos_gitops.server.api.endpoint import ApiOperation, Deprecation, Endpoint, answer
from chronos_gitops.server.api.openapi import generator
from chronos_gitops.server.api.openapi.shapes import TEXT
from chronos_gitops.server.api.params import query
from chronos_gitops.service import Service

OLD = Deprecation(since=date(2026, 3, 1), sunset=date(2026, 12, 1), instead="GET /api/v1/jobs lists the jobs.")
OLDER = Deprecation(since=date(2026, 1, 15), sunset=date(2027, 1, 15), instead="`health` is the same filter.")


@pytest.fixture
def client(service: Service) -> FlaskClient:
    """Of a runner whose API has an old endpoint, and a new one with an old parameter."""
    blueprint = Blueprint("aged", __name__)
    standing = query.text("standing", "Only jobs of this health")
    standing = type(standing)(
        **{name: getattr(standing, name) for name in standing.__dataclass_fields__} | {"deprecation": OLDER}
    )
    told = {200: answer("Jobs", TEXT, media="text/plain")}

    @blueprint.get(
        "/api/v1/old",
        declared=Endpoint(ApiOperation("old", "jobs", "Old", "It lists.", told), role=None, deprecation=OLD),
    )
    def old() -> str:
        return "old"

    @blueprint.get(
        "/api/v1/new",
        declared=Endpoint(ApiOperation("new", "jobs", "New", "", told), role=None, parameters=(standing,)),
    )
    def new() -> str:
        return standing.value() or "new"

    return create_app(service, blueprint).test_client()


def headers(client: FlaskClient, path: str) -> tuple[str | None, str | None]:
    response = client.get(path)
    assert response.status_code == HTTPStatus.OK
    deprecation, sunset = response.headers.get("Deprecation"), response.headers.get("Sunset")
    assert ('rel="deprecation"' in response.headers.get("Link", "")) == (deprecation is not None)
    return deprecation, sunset


def test_an_endpoint_announces_its_end(client: FlaskClient) -> None:
    assert headers(client, "/api/v1/old") == ("@1772323200", "Tue, 01 Dec 2026 00:00:00 GMT")


def test_a_parameter_announces_its_end_where_it_is_used(client: FlaskClient) -> None:
    assert headers(client, "/api/v1/new") == (None, None)
    assert headers(client, "/api/v1/new?standing=failing") == ("@1768435200", "Fri, 15 Jan 2027 00:00:00 GMT")


def test_the_document_marks_both_with_what_to_use_instead(client: FlaskClient) -> None:
    paths = generator.specification(client.application.url_map)["paths"]
    old, new = paths["/api/v1/old"]["get"], paths["/api/v1/new"]["get"]
    assert old["deprecated"] is True
    assert (
        old["description"] == "It lists. Deprecated, removed on 2026-12-01 or later: GET /api/v1/jobs lists the jobs."
    )
    assert "deprecated" not in new
    (parameter,) = new["parameters"]
    assert parameter["deprecated"] is True
    assert parameter["description"].endswith("`health` is the same filter.")


def test_an_end_within_half_a_year_cannot_be_announced() -> None:
    with pytest.raises(ValueError, match="182 days"):
        Deprecation(since=date(2026, 1, 1), sunset=date(2026, 6, 30), instead="")
