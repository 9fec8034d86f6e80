"""A route cannot exist without a declaration, and what a declaration says is enforced on every route."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Blueprint
from flask.testing import FlaskClient
from harness.openapi_check import SPECIFICATION

from chronos_gitops.observability.audit_log import AuditAction
from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.app import Application, url_map
from chronos_gitops.server.api.endpoint import ApiOperation, DeclaredRule, Endpoint, JsonBody, RawBody, UndeclaredRoute
from chronos_gitops.server.api.openapi.generator import method_of
from chronos_gitops.server.api.openapi.schemas import components
from chronos_gitops.server.api.params.query import QueryParameter

RULES = list(endpoint.declared(url_map()))
BODIES = [
    (rule, rule.declared.body)
    for rule in RULES
    if "GET" not in (rule.methods or ()) and not isinstance(rule.declared.body, RawBody)
]
OPERATION = ApiOperation("x", "jobs", "X", "X.", {200: endpoint.answer("X", {})})


def fields() -> Iterator[tuple[DeclaredRule, JsonBody, str, dict[str, Any]]]:
    for rule, body in BODIES:
        if body is not None:
            for name, schema in components()[body.shape]["properties"].items():
                yield rule, body, name, schema


def parameters() -> Iterator[tuple[DeclaredRule, QueryParameter[Any]]]:
    for rule in RULES:
        for parameter in rule.declared.parameters:
            if isinstance(parameter, QueryParameter):
                yield rule, parameter


def named(value: Any) -> str | None:
    if isinstance(value, DeclaredRule):
        return value.endpoint
    return value.name if isinstance(value, QueryParameter) else value if isinstance(value, str) else None


def path(rule: DeclaredRule) -> str:
    names = {"name": "daily-backup", "n": "1", "execution_id": "nothing", "forge": "github", "kind": "usage"}
    names |= {"session_id": "nothing", "replay_id": "nothing", "calendar": "nothing"}
    return re.sub(r"<(\w+)>", lambda found: names[found[1]], rule.rule)


def whole(shape: str) -> dict[str, Any]:
    """A body that has all that is required."""
    schema = components()[shape]
    other = {"object": {"all": True}, "integer": 1}
    values = {
        name: other.get(found.get("type"), found.get("enum", ["2099-01-01T00:00:00Z"])[0])
        for name, found in schema["properties"].items()
    }
    return {name: values[name] for name in schema.get("required", ())}


def refusal(client: FlaskClient, rule: DeclaredRule, body: dict[str, Any]) -> str:
    response = client.open(path(rule), method=method_of(rule).upper(), data=json.dumps(body))
    assert response.status_code == 400, (rule.rule, response.get_data(as_text=True))
    assert response.get_json()["type"] == "/problems/invalid-body"
    return str(response.get_json()["detail"])


@pytest.mark.parametrize("options", [{}, {"methods": ["POST"]}, {"declared": None}])
def test_a_route_without_a_declaration_cannot_exist(options: dict[str, Any]) -> None:
    with pytest.raises(UndeclaredRoute, match="/bare"):
        Application("x", static_folder=None).add_url_rule("/bare", view_func=lambda: "", **options)
    blueprint = Blueprint("bare", __name__)
    blueprint.add_url_rule("/bare", view_func=lambda: "", **options)
    with pytest.raises(UndeclaredRoute, match="/bare"):
        Application("x", static_folder=None).register_blueprint(blueprint)


def test_files_are_served_by_a_declared_route_only() -> None:
    with pytest.raises(UndeclaredRoute, match="/static"):
        Application("x", static_folder="static")
    with pytest.raises(UndeclaredRoute, match="/files"):
        Application("x", static_folder=None).register_blueprint(
            Blueprint("files", __name__, static_folder="static", static_url_path="/files")
        )


@pytest.mark.parametrize("declared", [(), ("other",), ("name", "n")])
def test_the_parameters_of_a_path_are_declared_exactly(declared: tuple[str, ...]) -> None:
    parameters = tuple(endpoint.path(name, "X") for name in declared)
    with pytest.raises(UndeclaredRoute, match="parameters of its path"):
        DeclaredRule("/x/<name>", declared=Endpoint(OPERATION, role=None, parameters=parameters))


def test_an_endpoint_cannot_leave_its_role_open() -> None:
    with pytest.raises(TypeError, match="role"):
        Endpoint(OPERATION)  # type: ignore[call-arg]  # the point of the test


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_every_endpoint_refuses_an_unknown_parameter(client: FlaskClient, rule: DeclaredRule) -> None:
    method = "POST" if "POST" in (rule.methods or ()) else "GET"
    response = client.open(f"{path(rule)}?no-such-parameter=1", method=method)
    assert (response.status_code, response.get_json()["type"]) == (400, "/problems/unknown-parameter")


@pytest.mark.parametrize(("rule", "parameter"), list(parameters()), ids=named)
def test_every_parameter_is_taken_once_and_within_its_limits(
    client: FlaskClient, rule: DeclaredRule, parameter: QueryParameter[Any]
) -> None:
    schema, method = parameter.schema, "POST" if "POST" in (rule.methods or ()) else "GET"
    name = f"{parameter.name}team" if parameter.name.endswith(".") else parameter.name
    wrong: list[str] = []
    if schema.get("type") == "integer":
        wrong = ["0", "-1", str(schema["maximum"] + 1), "1.5", "x", "", "9" * 40]
    elif "enum" in schema.get("items", ()):
        first = schema["items"]["enum"][0]
        wrong = ["no-such-choice", "", ",", f"{first},", first.upper()]
    elif "enum" in schema:
        wrong = ["no-such-choice", "", schema["enum"][0].upper()]
    elif schema.get("format") == "date-time":
        wrong = ["yesterday", "", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00Z"]
    for value in wrong:
        response = client.open(path(rule), method=method, query_string={name: value})
        assert (response.status_code, response.get_json()["type"]) == (400, "/problems/invalid-parameter"), value
    twice = client.open(path(rule), method=method, query_string=[(name, "1"), (name, "1")])
    assert twice.status_code == 400


def test_a_handler_cannot_read_a_parameter_that_it_does_not_declare() -> None:
    app = Application("x", static_folder=None)
    with app.test_request_context("/"), pytest.raises(LookupError, match="does not declare the parameter"):
        next(iter(parameters()))[1].value()


@pytest.mark.parametrize(("rule", "body"), BODIES, ids=named)
def test_every_write_refuses_an_unknown_field(client: FlaskClient, rule: DeclaredRule, body: JsonBody | None) -> None:
    given = {} if body is None else whole(body.shape)
    assert 'There is no field "no_such_field"' in refusal(client, rule, given | {"no_such_field": 1})
    for other in ("[]", '"text"', "{", '{"a": NaN}', '{"dry_run": true, "dry_run": true}'):
        response = client.open(path(rule), method=method_of(rule).upper(), data=other, content_type="application/json")
        assert (response.status_code, response.get_json()["type"]) == (400, "/problems/invalid-body"), other


@pytest.mark.parametrize(("rule", "body", "name", "schema"), list(fields()), ids=named)
def test_every_field_is_of_its_type_and_within_its_limits(
    client: FlaskClient, rule: DeclaredRule, body: JsonBody, name: str, schema: dict[str, Any]
) -> None:
    given = whole(body.shape)
    kinds = {kind["type"] for kind in schema.get("oneOf", [schema])}
    values: list[tuple[Any, str]] = [(1.5, ""), ({}, "object"), ([1], ""), ([], "array"), (-1, ""), (10**12, "")]
    values += [(1, "integer"), (True, "boolean"), ("true", "string")]
    for value, kind in values:
        if kind not in kinds or (not value and schema.keys() & {"minItems", "minProperties"}):
            assert f'"{name}" is ' in refusal(client, rule, given | {name: value})
    if "string" in kinds and name not in body.free:
        assert "longer than 2000" in refusal(client, rule, given | {name: "x" * (body.longest + 1)})
        for character in ("\0", "\x1b", "\ud800"):
            assert "control characters" in refusal(client, rule, given | {name: f"x{character}"})
    if "enum" in schema:
        assert f'"{name}" is one of' in refusal(client, rule, given | {name: "no-such-choice"})
    if schema.get("format") == "date-time":
        assert f'"{name}" is not a time' in refusal(client, rule, given | {name: "tomorrow"})
    if name in components()[body.shape].get("required", ()):
        given.pop(name)
        assert f'"{name}" is missing' in refusal(client, rule, given)
        assert f'"{name}" is missing' in refusal(client, rule, given | {name: None})


def test_every_action_of_the_audit_log_has_an_endpoint(client: FlaskClient) -> None:
    rules = endpoint.declared(client.application.url_map)
    audited = [rule.declared.audit for rule in rules if rule.declared.audit is not None]
    own = {AuditAction.REFUSED, AuditAction.REPLAY_END}  # of any call, and of what a call began
    assert {one.action for one in audited} == set(AuditAction) - own
    events = [one.event for one in audited if one.event is not None]
    assert len(set(events)) == len(events)


def test_every_call_that_needs_more_than_reading_is_recorded() -> None:
    """Of what a reader may do, the end of its own sessions is."""
    assert {rule.endpoint for rule in RULES if rule.declared.audit} == {
        "sessions.end_session",
        "sessions.end_sessions",
        *(rule.endpoint for rule in RULES if rule.declared.role in (endpoint.OPERATE, endpoint.ROLLBACK)),
    }


def test_only_probes_skip_the_line() -> None:
    assert endpoint.probes(url_map()) == {"/livez", "/readyz", "/health"}
    assert not [path for path in endpoint.probes(url_map()) if SPECIFICATION["paths"][path]["get"]["security"]]
