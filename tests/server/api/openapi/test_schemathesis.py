"""Requests generated from the document, in process, over every route (https://schemathesis.io)."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest
import schemathesis
from harness.api_fixtures import Checkout, Receiver, app_of, fill, settings_of, token_of
from harness.openapi_check import SPECIFICATION
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from chronos_gitops.app import build

SECRET, TOKEN = token_of("fuzzer", "read", "operate", "rollback")
load_all_checks()
HELD_TO = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)
OPERATIONS = [(path, method) for path, methods in SPECIFICATION["paths"].items() for method in methods]


class Fuzzed(NamedTuple):
    """A runner's own document, and the credentials that its callers send."""

    schema: Any
    credentials: Mapping[str, str]


@pytest.fixture(scope="module", params=["tokens", "no-tokens"])
def fuzzed(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    receiver: Receiver,
    _guarded_environment: None,
) -> Iterator[Fuzzed]:
    """A separate runner, because some of the requests succeed and change something."""
    has_tokens = request.param == "tokens"
    folder = tmp_path_factory.mktemp("fuzzed")
    checkout = Checkout(folder / "repo")
    fill(checkout, receiver.url)
    with build(settings_of(checkout, folder / "data")) as service:
        app = app_of(service, *([TOKEN] if has_tokens else []))
        schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
        yield Fuzzed(schema, {"Authorization": f"Bearer {SECRET}"} if has_tokens else {})


def fuzz(fuzzed: Fuzzed, path: str, method: str, mode: GenerationMode, examples: int) -> int:
    """Check that every response conforms to the document; return the number of requests."""
    seen = 0
    operation = fuzzed.schema[path][method.upper()]

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def hold(case: Any) -> None:
        nonlocal seen
        seen += 1
        plain = {"Accept-Encoding": "identity"}  # it decodes nothing by itself
        case.headers = {**(case.headers or {}), **plain, **fuzzed.credentials}
        case.validate_response(case.call(), checks=HELD_TO)

    hold()
    return seen


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_holds_to_the_document(fuzzed: Fuzzed, path: str, method: str) -> None:
    assert fuzz(fuzzed, path, method, GenerationMode.POSITIVE, 8) > 0


def can_be_wrong(path: str, method: str) -> bool:
    """True if the request has a part that the document does not allow."""
    operation = SPECIFICATION["paths"][path][method]
    typed = [found for found in operation["parameters"] if found["schema"].get("type") != "string"]
    return "requestBody" in operation or "{" in path or bool(typed)


@pytest.mark.full
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_many_answers_hold_to_the_document(fuzzed: Fuzzed, path: str, method: str) -> None:
    assert fuzz(fuzzed, path, method, GenerationMode.POSITIVE, 300) > 0


@pytest.mark.full
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("path", "method"), [one for one in OPERATIONS if can_be_wrong(*one)])
def test_answers_to_what_the_document_forbids_hold_to_it_too(fuzzed: Fuzzed, path: str, method: str) -> None:
    assert fuzz(fuzzed, path, method, GenerationMode.NEGATIVE, 300) > 0
