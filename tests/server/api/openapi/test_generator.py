import json
import re

from flask.testing import FlaskClient
from harness.api_fixtures import app_of, token_of
from harness.openapi_check import SPECIFICATION
from harness.reference import ROOT
from openapi_spec_validator import validate

from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.openapi import generator
from chronos_gitops.service import Service


def test_the_document_is_valid_openapi() -> None:
    validate(SPECIFICATION)
    assert SPECIFICATION["openapi"].startswith("3.1")


def test_the_document_is_served_where_there_are_tokens(service: Service) -> None:
    app = app_of(service, token_of("reader", "read")[1])
    served = app.test_client().get("/api/v1/openapi.json")
    assert served.get_json() == SPECIFICATION
    written = (ROOT / "docs/reference/openapi.json").read_text("utf-8")  # by `make docs`: a change is seen in review
    assert json.dumps(json.loads(served.get_data())) == json.dumps(json.loads(written))


def test_a_runner_without_tokens_asks_for_none(client: FlaskClient) -> None:
    served = client.get("/api/v1/openapi.json").get_json()
    validate(served)
    assert "securitySchemes" not in served["components"]
    operations = [operation for methods in served["paths"].values() for operation in methods.values()]
    assert [operation["security"] for operation in operations] == [[]] * len(operations)
    assert served["components"]["schemas"] == SPECIFICATION["components"]["schemas"]


def test_every_route_of_the_api_is_an_operation(client: FlaskClient) -> None:
    """Every route that the document leaves out is a page or its files."""
    rules = list(endpoint.declared(client.application.url_map))
    documented = {(rule.rule, generator.method_of(rule)) for rule in rules if rule.declared.operation is not None}
    paths = {(path, method) for path, found in SPECIFICATION["paths"].items() for method in found}
    assert {(re.sub(r"<(\w+)>", r"{\1}", path), method) for path, method in documented} == paths
    left_out = {rule.rule for rule in rules if rule.declared.operation is None}
    assert not [path for path in left_out if path.startswith("/api/") and path not in ("/api/docs", "/api/v1")]


def test_operation_ids_are_unique() -> None:
    found = [operation["operationId"] for path in SPECIFICATION["paths"].values() for operation in path.values()]
    assert len(found) == len(set(found))
