"""Answers held to the OpenAPI document: what is said is what is declared."""

from typing import Any

from flask import Flask, Response, request
from jsonschema import Draft202012Validator, FormatChecker

from chronos_gitops.server.api.app import url_map
from chronos_gitops.server.api.openapi.generator import specification

SPECIFICATION = specification(url_map())
_WHOLE = {"components": SPECIFICATION["components"]}


def operation_of(rule: str | None, method: str) -> Any:
    """The document's operation of a rule of the URL map; None for pages, which it leaves out."""
    path = None if rule is None else rule.replace("<", "{").replace(">", "}")
    return SPECIFICATION["paths"].get(path, {}).get(method.lower())


def check_answer(operation: dict[str, Any], response: Response, path: str) -> None:
    declared = operation["responses"].get(str(response.status_code))
    assert declared is not None, f"{operation['operationId']} does not declare {response.status_code}"
    declared = SPECIFICATION["components"]["responses"]["Problem"] if "$ref" in declared else declared
    if "content" not in declared:
        assert response.get_data() == b""
        return
    if response.status_code >= 400 and response.mimetype == "text/html":
        return  # a problem as a page, for a browser that asked for one
    assert response.mimetype in declared["content"], f"{operation['operationId']} answers {response.mimetype}"
    if response.is_json or (response.mimetype or "").endswith("+json"):
        conform(response.get_json(), declared["content"][response.mimetype]["schema"], path)


def conform(value: Any, schema: dict[str, Any], path: str) -> None:
    errors = list(Draft202012Validator(schema | _WHOLE, format_checker=FormatChecker()).iter_errors(value))
    assert not errors, f"{path}: {errors[0].json_path}: {errors[0].message}"


def hold(app: Flask) -> Flask:
    """Every answer that this application gives from now on; one that does not conform becomes a 500."""

    @app.after_request
    def check(response: Response) -> Response:
        rule = None if request.url_rule is None else request.url_rule.rule
        operation = operation_of(rule, request.method)
        if operation is not None and not response.is_streamed:
            check_answer(operation, response, request.path)
        return response

    return app
