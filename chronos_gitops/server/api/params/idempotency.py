"""The Idempotency-Key header of every POST (draft-ietf-httpapi-idempotency-key-header)."""

import hashlib
import re

from flask import request

from chronos_gitops.server.api import endpoint, request_context
from chronos_gitops.server.api.openapi.shapes import Schema
from chronos_gitops.server.api.problems import ApiError

_SCHEMA: Schema = {"type": "string", "minLength": 1, "maxLength": 202, "pattern": r"^[\x21-\x7e]*$"}
KEY = endpoint.header(
    "Idempotency-Key", "Identifies the call. The same key with another target or body is refused with 422", _SCHEMA
)
_KEY = re.compile(r"[\x21-\x7e]{1,200}\Z")


class InvalidKey(ApiError):
    kind = "bad-request"


def key() -> str | None:
    """The key without the quotes that the draft writes and most clients leave out."""
    given = request.headers.get(KEY.name)
    if given is None:
        return None
    bare = given[1:-1] if len(given) > 2 and given[0] == given[-1] == '"' else given
    if not _KEY.match(bare):
        raise InvalidKey("The Idempotency-Key is not 1 to 200 visible ASCII characters.", hint="A UUID is a good key.")
    return bare


def callers_key() -> str | None:
    """The key as the engine keeps it: that of one caller is none of another. Without callers it is the key itself."""
    bare = key()
    caller = request_context.unique_caller()
    if bare is None or caller is None:
        return bare
    return hashlib.sha256(f"{caller.removeprefix('token/')}\n{bare}".encode()).hexdigest()
