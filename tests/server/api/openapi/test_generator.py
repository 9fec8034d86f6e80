import re

from flask import Flask
from flask.testing import FlaskClient
from harness.openapi_check import SPECIFICATION
from openapi_spec_validator import validate

from chronos_gitops.server.api.auth import roles
from chronos_gitops.server.api.params.query import PARAMETERS, TAG

PAGES = ("pages.", "login.", "docs.")


def operations(app: Flask) -> dict[tuple[str, str], str]:
    """(path, method) of the URL map to its endpoint, pages left out."""
    return {
        (re.sub(r"<([^>]+)>", r"{\1}", rule.rule), method.lower()): rule.endpoint
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.endpoint.startswith(PAGES)
    }


def test_the_document_is_valid_openapi() -> None:
    validate(SPECIFICATION)
    assert SPECIFICATION["openapi"].startswith("3.1")


def test_the_document_is_served(client: FlaskClient) -> None:
    assert client.get("/api/v1/openapi.json").get_json() == SPECIFICATION


def test_the_document_and_the_url_map_have_the_same_operations(client: FlaskClient) -> None:
    documented = {(path, method) for path, found in SPECIFICATION["paths"].items() for method in found}
    assert documented == set(operations(client.application))


def test_the_document_names_the_roles_of_the_guard(client: FlaskClient) -> None:
    for (path, method), endpoint in operations(client.application).items():
        security = SPECIFICATION["paths"][path][method]["security"]
        role = roles.role_of(endpoint, method.upper())
        assert security == ([] if role is None else [{"bearer": [role]}]), path


def test_the_document_names_the_parameters_of_every_call(client: FlaskClient) -> None:
    for (path, method), endpoint in operations(client.application).items():
        parameters = SPECIFICATION["paths"][path][method]["parameters"]
        assert {found["name"] for found in parameters if found["in"] == "query"} == set(PARAMETERS.get(endpoint, ()))
        assert {found["name"] for found in parameters if found["in"] == "path"} == set(re.findall(r"{(\w+)}", path))


def test_every_listed_endpoint_exists(client: FlaskClient) -> None:
    assert set(PARAMETERS) <= {rule.endpoint for rule in client.application.url_map.iter_rules()}
    assert TAG in PARAMETERS["jobs.list_jobs"]


def test_operation_ids_are_unique() -> None:
    found = [operation["operationId"] for path in SPECIFICATION["paths"].values() for operation in path.values()]
    assert len(found) == len(set(found))
