"""Differences of the two databases: the ledger's statements are written once, and translated here for each.

The common language is SQL that both understand, with six things of its own:

===========================  =======================================  ===========================
written                      SQLite                                   PostgreSQL
===========================  =======================================  ===========================
``:name``                    ``:name``                                ``%(name)s``
``IN (:names[])``            ``IN (SELECT value FROM json_each(...))``  ``= ANY(%(names)s)``
``EACH(:names[])``            ``(SELECT value FROM json_each(...))``   ``(SELECT unnest(...) AS value)``
``PAIRS(:name)``               rows (name, number) of a JSON text of pairs, on both
``JOINED(expression)``        ``group_concat(...)``                    ``string_agg(..., ',')``
``FOR UPDATE [OF ...] [SKIP LOCKED]``  nothing: there is one writer     as it stands
===========================  =======================================  ===========================
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_NAME = re.compile(r"(?<![:\w]):([a-z_]+)")
_LIST = re.compile(r"IN \(:([a-z_]+)\[\]\)")
_EACH = re.compile(r"EACH\(:([a-z_]+)\[\]\)")
_PAIRS = re.compile(r"PAIRS\(:([a-z_]+)\)")
_JOINED = re.compile(r"JOINED\(([^()]*)\)")
_LOCK = re.compile(r"\s+FOR UPDATE(?: OF \w+)?(?: SKIP LOCKED)?\b")


@lru_cache(maxsize=256)
def sqlite(statement: str) -> str:
    listed = _LIST.sub(
        r"IN (SELECT value FROM json_each(:\1))", _EACH.sub(r"(SELECT value FROM json_each(:\1))", statement)
    )
    pairs = r"(SELECT json_extract(value, '$[0]') AS name, json_extract(value, '$[1]') AS number FROM json_each(:\1))"
    return _LOCK.sub("", _JOINED.sub(r"group_concat(\1)", _PAIRS.sub(pairs, listed)))


@lru_cache(maxsize=256)
def postgres(statement: str) -> str:
    pairs = (
        r"(SELECT pair->>0 AS name, CAST(pair->>1 AS bigint) AS number "
        r"FROM json_array_elements(CAST(:\1 AS json)) AS each_pair (pair))"
    )
    each = _EACH.sub(r"(SELECT unnest(CAST(:\1 AS text[])) AS value)", _PAIRS.sub(pairs, statement))
    joined = _JOINED.sub(r"string_agg(CAST(\1 AS text), ',')", each)
    return _NAME.sub(r"%(\1)s", _LIST.sub(r"= ANY(:\1)", joined))


def sqlite_parameters(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """A list travels as one JSON text, for the number of SQLite's parameters is limited."""
    for one in parameters.values():
        if isinstance(one, list):
            return {key: json.dumps(value) if isinstance(value, list) else value for key, value in parameters.items()}
    return parameters
