"""The acceptor says "valid" only where jsonschema finds nothing, and says so of nearly everything that is valid."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from harness.machine.seeds import seeded
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.jobs.validation import document as validation_document
from chronos_gitops.jobs.validation.schema import json_schema
from chronos_gitops.jobs.validation.schema.fast_path import UnknownKeywordError, compile_schema_check

CASES = sorted((Path(__file__).parents[1] / "cases").glob("*/*.yaml"))
ACCEPTS = compile_schema_check(json_schema.load_schema())
FIELDS = sorted(
    {*json_schema.load_schema()["properties"], *json_schema.load_schema()["properties"]["webhook"]["properties"]}
)
AUTH = sorted(json_schema.load_schema()["definitions"]["auth"]["properties"])

SCALARS: Final[list[Any]] = [
    *("", "a", "a-b", "A", "daily-backup\n", "30s", "30s\n", "1h30m", "5 m", "GET", "get", "forbid"),
    *("bearer", "basic", "api_key", "oauth2", "hmac", "200-204", "200-204\n", "600-700", "x" * 8193),
    *(True, False, None, 0, 1, 1.0, 2.5, 100, 101, 200, 599, 600, 3.0, 10**17),
]
LEAVES = st.sampled_from(SCALARS)
AUTHS = st.dictionaries(st.sampled_from([*AUTH, "other"]), LEAVES, max_size=4)
VALUES = st.recursive(
    st.one_of(LEAVES, AUTHS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*FIELDS, *AUTH, "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)
SOUND: dict[str, Any] = {
    "name": "daily-backup",
    "schedule": "0 2 * * *",
    "webhook": {"url": "https://x.example.com", "auth": {"type": "bearer", "token": "t"}, "success_codes": [200]},
    "retry_policy": {"max_attempts": 3, "multiplier": 2.0},
}


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_case_is_accepted_when_it_is_valid_and_only_then(path: Path) -> None:
    document = validation_document.read("a.yaml", path.read_bytes()).value
    assert ACCEPTS(document) == (not list(json_schema._explain(is_part=False)(document)))


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_what_is_accepted_is_valid(data: st.DataObject) -> None:
    """A sound document with some of its values replaced, or new ones put in."""
    document = json.loads(json.dumps(SOUND))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from([document, document["webhook"], document["retry_policy"]]))
        if isinstance(place, dict):
            place[data.draw(st.sampled_from([*FIELDS, "other"]))] = data.draw(VALUES)
    if ACCEPTS(document):
        assert not list(json_schema._explain(is_part=False)(document))


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a document, with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [*((value, key) for key in keys), *(place for key in keys for place in places(value[key]))]


def mutated(sound: list[Any], chance: Random) -> Any:
    """A valid document with values replaced by others, by parts of other documents, taken out, or put in."""
    document = deepcopy(chance.choice(sound))
    for _ in range(chance.randint(1, 3)):
        container, key = chance.choice(places(document))
        other, part = chance.choice(places(chance.choice(sound)))
        value = deepcopy(chance.choice([chance.choice(SCALARS), other[part]]))
        match chance.randrange(4), container:
            case 0, dict():
                container[chance.choice([*FIELDS, *AUTH, part, "other"])] = value
            case 1, _ if len(container) > 1:
                del container[key]
                return document
            case _:
                container[key] = value
    return document


@pytest.mark.parametrize("part", range(4))
def test_25_000_documents_of_the_day(part: int) -> None:
    """100,000 in all, others each day. jsonschema judges those that are accepted: nothing else decides alone."""
    chance, accepted = seeded(4 * datetime.now(UTC).toordinal() + part), 0
    read = (validation_document.read("a.yaml", path.read_bytes()).value for path in CASES)
    sound = [document for document in read if isinstance(document, dict) and ACCEPTS(document)]
    for _ in range(25_000):
        document = mutated(sound, chance)
        if ACCEPTS(document):
            accepted += 1
            assert not list(json_schema._explain(is_part=False)(document)), document
    assert accepted > 2_500  # else jsonschema was asked about nothing


@settings(max_examples=300, deadline=None)
@given(AUTHS)
def test_what_is_accepted_as_a_way_to_authenticate_is_one(auth: dict[str, Any]) -> None:
    document = SOUND | {"webhook": {"url": "https://x.example.com", "auth": auth}}
    assert not ACCEPTS(document) or not list(json_schema._explain(is_part=False)(document))


@pytest.mark.parametrize(
    "other",
    [
        {"uniqueItems": True},
        {"properties": {"a": {"not": {"type": "string"}}}},
        {"if": {"type": "integer"}, "then": {"minimum": 1}},
        {"if": {"properties": {"a": {"minimum": 1}}}, "then": False},
    ],
)
def test_a_schema_that_is_not_understood_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises(UnknownKeywordError):
        compile_schema_check(other)
