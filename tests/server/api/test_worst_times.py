"""The worst time of each route: the largest input that the OpenAPI document allows, over hostile files of 256 KiB."""

import resource
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, Receiver, app_of, fill, settings_of, token_of
from harness.openapi_check import SPECIFICATION

from chronos_gitops.app import build

SECRET, TOKEN = token_of("hostile", "read", "operate", "rollback")
OPERATIONS = [(path, method) for path, methods in SPECIFICATION["paths"].items() for method in methods]
ALLOWED_S: Final = 5.0
"""Of processor time, git's included. Contract: a file of 256 KiB is judged within 1 s; a diff compares two of them."""
LONG: Final = "Authorization: Bearer ${ token:{{ "
KIB: Final = 1024


def hostile(size: int, salt: str) -> str:
    """A job file of this size that is valid: words of which no two are alike, and what patterns begin with."""
    body = "".join(f"{salt}{number:05x} token: sk-{number:05x} " for number in range((size - 8 * KIB) // 24))
    half = len(body) // 2
    headers = "\n".join(f"    X-{salt}-{at}: '{body[at * 900 : at * 900 + 880].strip()}'" for at in range(half // 900))
    return (
        'name: hostile\nschedule: "*/5 * * * *"\nenabled: true\n'
        "webhook:\n  url: http://127.0.0.1:9/x\n  method: POST\n"
        f"  headers:\n{headers}\n  body: '{body[half:]}'\n"
    )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver, _guarded_environment: None) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("hostile")
    checkout = Checkout(folder / "repo")
    fill(checkout, receiver.url)
    for salt in ("a", "b", "c"):
        checkout.write("hostile", hostile(250 * KIB, salt))
        checkout.commit(f"Change every word {salt}")
    with build(settings_of(checkout, folder / "data")) as service:
        assert "hostile" in service.jobs().definitions, service.follower.status()
        yield app_of(service, TOKEN).test_client()


@pytest.fixture(scope="module")
def execution(client: FlaskClient) -> str:
    """The id of one of the hostile job."""
    return str(client.post("/api/v1/jobs/hostile/trigger", headers=_headers()).get_json()["id"])


def _headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {SECRET}"}


def value_of(schema: Mapping[str, Any]) -> Any:
    """The largest value that a schema allows, as far as it bounds it."""
    if "$ref" in schema:
        return value_of(SPECIFICATION["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    for word in ("oneOf", "anyOf"):
        if word in schema:
            return max((value_of(one) for one in schema[word]), key=lambda value: len(str(value)))
    if "enum" in schema:
        return schema["enum"][-1]
    kind = schema.get("type", "string")
    kind = kind if isinstance(kind, str) else kind[0]
    if kind in ("integer", "number"):
        return schema.get("maximum", 1000)
    if kind == "boolean":
        return True
    if kind == "array":
        return [value_of(schema["items"])] * min(schema.get("maxItems", 100), 100)
    if kind == "object":
        return {name: value_of(one) for name, one in schema.get("properties", {}).items()}
    if schema.get("format") == "date-time":
        return "2026-01-01T00:00:00Z"
    return LONG * (schema.get("maxLength", 2000) // len(LONG))


def cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


WITHOUT_A_TARGET: Final = (
    *("/api/v1/sessions/{session_id}", "/api/v1/replays/{replay_id}", "/api/v1/calendars/{calendar}"),
    *("/api/v1/calendars/{calendar}/versions",),
    *("/api/v1/jobs/{name}/draft", "/.well-known/openid-configuration", "/.well-known/jwks.json"),
)
"""Routes without an object on this runner: it has no login, replay, calendar, draft or identity key."""
KNOWN: Final = {"name": "hostile", "n": "3", "against": "1", "job": "hostile"}


def requests(path: str, method: str, execution: str) -> Iterator[dict[str, Any]]:
    """With names of things that exist, and with the longest ones."""
    operation = SPECIFICATION["paths"][path][method]
    for is_known in (True, False):
        filled, query = path, dict[str, Any]()
        for parameter in operation.get("parameters", ()):
            name, place, value = parameter["name"], parameter["in"], value_of(parameter["schema"])
            value = KNOWN.get(name, value) if is_known else value
            if place == "path":
                known = execution if "execution" in name else value
                filled = filled.replace(f"{{{name}}}", str(known if is_known else "x" * 2000))
            elif (place == "query" and name not in ("cursor", "signature") and not is_known) or (
                place == "query" and name in ("limit", "against", "count")
            ):
                query[name] = value
        body = operation.get("requestBody", {}).get("content", {})
        given: dict[str, Any] = {"path": filled, "query_string": query, "headers": _headers()}
        if "application/yaml" in body:
            yield given | {"data": hostile(250 * KIB, "d"), "content_type": "application/yaml"}
            yield given | {"data": "token:${" * (30 * KIB), "content_type": "application/yaml"}
        elif "application/json" in body:
            yield given | {"json": value_of(body["application/json"]["schema"])}
            yield given | {"json": {}}
        else:
            yield given


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_each_route_ends_within_its_time(client: FlaskClient, execution: str, path: str, method: str) -> None:
    worst, statuses = 0.0, list[int]()
    is_stream = "text/event-stream" in str(SPECIFICATION["paths"][path][method]["responses"])
    for given in requests(path, method, execution):
        began = cpu()
        response = client.open(method=method.upper(), buffered=not is_stream, **given)
        took = cpu() - began
        response.close()
        assert response.status_code < 500, response.get_data()[:300]
        worst = max(worst, took)
        statuses.append(response.status_code)
    print(f"{worst * 1000:8.0f} ms  {method.upper()} {path} {statuses}")
    # What is measured is an answer and no early refusal.
    assert method != "get" or statuses[0] == 200 or path in WITHOUT_A_TARGET
    assert worst <= ALLOWED_S
