"""Where the two databases differ: the ledger's statements are written once, and read here for each of them.

The common language is SQL that both understand, with three things of its own:

===========================  =======================================  ===========================
written                      SQLite                                   PostgreSQL
===========================  =======================================  ===========================
``:name``                    ``:name``                                ``%(name)s``
``IN (:names[])``            ``IN (SELECT value FROM json_each(...))``  ``= ANY(%(names)s)``
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
_LOCK = re.compile(r"\s+FOR UPDATE(?: SKIP LOCKED)?\b")


@lru_cache(maxsize=256)
def sqlite(statement: str) -> str:
    return _LOCK.sub("", _LIST.sub(r"IN (SELECT value FROM json_each(:\1))", statement))


@lru_cache(maxsize=256)
def postgres(statement: str) -> str:
    return _NAME.sub(r"%(\1)s", _LIST.sub(r"= ANY(:\1)", statement))


def sqlite_parameters(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """A list travels as one JSON text, for the number of SQLite's parameters is limited."""
    if any(isinstance(value, list) for value in parameters.values()):
        return {key: json.dumps(value) if isinstance(value, list) else value for key, value in parameters.items()}
    return parameters
