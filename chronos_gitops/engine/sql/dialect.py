"""Where the two databases differ: the ledger's statements are written once, and read here for each of them.

The common language is SQL that both understand, with four things of its own:

===========================  =======================================  ===========================
written                      SQLite                                   PostgreSQL
===========================  =======================================  ===========================
``:name``                    ``:name``                                ``%(name)s``
``IN (:names[])``            ``IN (SELECT value FROM json_each(...))``  ``= ANY(%(names)s)``
``EACH(:names[])``            ``(SELECT value FROM json_each(...))``   ``(SELECT unnest(...) AS value)``
``FOR UPDATE [SKIP LOCKED]``  nothing: there is one writer             as it stands
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
_LOCK = re.compile(r"\s+FOR UPDATE(?: SKIP LOCKED)?\b")


@lru_cache(maxsize=256)
def sqlite(statement: str) -> str:
    listed = _LIST.sub(
        r"IN (SELECT value FROM json_each(:\1))", _EACH.sub(r"(SELECT value FROM json_each(:\1))", statement)
    )
    return _LOCK.sub("", listed)


@lru_cache(maxsize=256)
def postgres(statement: str) -> str:
    each = _EACH.sub(r"(SELECT unnest(CAST(:\1 AS text[])) AS value)", statement)
    return _NAME.sub(r"%(\1)s", _LIST.sub(r"= ANY(:\1)", each))


def sqlite_parameters(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """A list travels as one JSON text, for the number of SQLite's parameters is limited."""
    for one in parameters.values():
        if isinstance(one, list):
            return {key: json.dumps(value) if isinstance(value, list) else value for key, value in parameters.items()}
    return parameters
