"""The merge of parts: RFC 7396 where nothing special is said, and the rules for headers, auth and variables."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.jobs.layers.merge import NULL, fold

HMAC = {"type": "hmac", "secret": "s"}
KEY = {"type": "api_key", "api_key": "b"}
BEARER = {"type": "bearer", "token": "t"}
CASES: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "nearer value wins": ([{"timeout": "1s"}, {"timeout": "2s"}], {"timeout": "2s"}),
    "null removes": ([{"timeout": "1s"}, {"tags": {"a": "b"}}, {"timeout": NULL}], {"tags": {"a": "b"}}),
    "null of nothing": ([{"timeout": NULL}], {}),
    "null in a new map": ([{"tags": {"a": NULL, "b": "c"}}], {"tags": {"b": "c"}}),
    "empty map says nothing": ([{"tags": {"a": "b"}}, {"tags": {}}], {"tags": {"a": "b"}}),
    "maps merge by key": (
        [{"retry_policy": {"max_attempts": 5, "max_interval": "1m"}}, {"retry_policy": {"max_attempts": 1}}],
        {"retry_policy": {"max_attempts": 1, "max_interval": "1m"}},
    ),
    "lists replace": ([{"schedule": ["a", "b"]}, {"schedule": ["c"]}], {"schedule": ["c"]}),
    "a text replaces a list": ([{"schedule": ["a", "b"]}, {"schedule": "c"}], {"schedule": "c"}),
    "a map replaces a text": ([{"webhook": "x"}, {"webhook": {"url": "u"}}], {"webhook": {"url": "u"}}),
    "no value is a value": ([{"timeout": "1s"}, {"timeout": None}], {"timeout": None}),
    "headers know no case": (
        [{"webhook": {"headers": {"X-Team": "a", "Accept": "b"}}}, {"webhook": {"headers": {"x-team": "c"}}}],
        {"webhook": {"headers": {"Accept": "b", "x-team": "c"}}},
    ),
    "null removes a header of any case": (
        [{"webhook": {"headers": {"x-team": "a"}}}, {"webhook": {"headers": {"X-Team": NULL}}}],
        {"webhook": {"headers": {}}},
    ),
    "two spellings in one part are the author's": (
        [{"webhook": {"headers": {"X-A": "1"}}}, {"webhook": {"headers": {"x-a": "2", "X-a": "3"}}}],
        {"webhook": {"headers": {"x-a": "2", "X-a": "3"}}},
    ),
    "auth with a type replaces": (
        [{"webhook": {"auth": HMAC}}, {"webhook": {"auth": BEARER}}],
        {"webhook": {"auth": BEARER}},
    ),
    "auth of the same type replaces too": (
        [{"webhook": {"auth": KEY | {"header": "X-A"}}}, {"webhook": {"auth": KEY}}],
        {"webhook": {"auth": KEY}},
    ),
    "auth without a type merges": (
        [{"webhook": {"auth": BEARER}}, {"webhook": {"auth": {"token": "u"}}}],
        {"webhook": {"auth": {"type": "bearer", "token": "u"}}},
    ),
    "no auth": ([{"webhook": {"auth": HMAC}}, {"webhook": {"auth": NULL}}], {"webhook": {}}),
    "no type is left to be refused": (
        [{"webhook": {"auth": HMAC}}, {"webhook": {"auth": {"type": NULL}}}],
        {"webhook": {"auth": {"type": None}}},
    ),
    "a variable is one value": (
        [{"variables": {"day": {"time": "next", "shift": "1d"}, "b": "c"}}, {"variables": {"day": {"time": "next"}}}],
        {"variables": {"day": {"time": "next"}, "b": "c"}},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_table(case: str) -> None:
    parts, expected = CASES[case]
    assert fold(parts) == expected


SCALARS = st.sampled_from((NULL, None, "a", "b", 1, True, ["a"]))
AUTH = st.fixed_dictionaries({}, optional=dict.fromkeys(("type", "token", "secret"), SCALARS))
HEADERS = st.dictionaries(st.sampled_from(("X-A", "x-a", "X-b", "x-B")), SCALARS, max_size=3)
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "timeout": SCALARS,
        "schedule": SCALARS,
        "tags": st.one_of(SCALARS, st.dictionaries(st.sampled_from("abc"), SCALARS, max_size=3)),
        "variables": st.one_of(
            SCALARS, st.dictionaries(st.sampled_from("abc"), st.one_of(SCALARS, st.just({"time": "next"})), max_size=3)
        ),
        "webhook": st.one_of(
            SCALARS,
            st.fixed_dictionaries(
                {}, optional={"url": SCALARS, "headers": st.one_of(SCALARS, HEADERS), "auth": st.one_of(SCALARS, AUTH)}
            ),
        ),
    },
)
CHAINS = st.lists(PARTS, min_size=1, max_size=6)


@given(CHAINS, st.data())
def test_any_cache_of_chains_equals_the_fold(parts: list[dict[str, Any]], data: st.DataObject) -> None:
    """And no fold changes a part or an earlier fold, so that all jobs of a folder can share one."""
    before = copy.deepcopy(parts)
    cut = data.draw(st.integers(0, len(parts)))
    shared = fold(parts[:cut])
    kept = copy.deepcopy(shared)
    assert fold(parts[cut:], shared) == fold(parts)
    assert fold(parts[cut:], shared) == fold(parts)
    assert (shared, parts) == (kept, before)


@given(CHAINS)
def test_no_null_is_left(parts: list[dict[str, Any]]) -> None:
    assert "NULL" not in repr(fold(parts))


def _rfc_7396(target: Any, patch: Any) -> Any:
    """The pseudo code of section 2, with NULL for null."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is NULL:
            result.pop(name, None)
        else:
            result[name] = _rfc_7396(result.get(name), value)
    return result


PLAIN = st.recursive(SCALARS, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8)


@given(st.lists(st.dictionaries(st.sampled_from(("tags", "x", "y")), PLAIN, max_size=3), max_size=5))
def test_plain_fields_merge_as_rfc_7396_says(parts: list[dict[str, Any]]) -> None:
    expected: Any = {}
    for part in parts:
        expected = _rfc_7396(expected, part)
    assert fold(parts) == expected
