"""The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header): one write per job, however often sent."""

import re

from flask import request

from chronos_gitops.server.api.problems import ApiError

_KEY = re.compile(r"[\x21-\x7e]{1,200}\Z")


class InvalidKey(ApiError):
    kind = "bad-request"


def key() -> str | None:
    """The key without the quotes that the draft writes and most clients leave out."""
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return None
    bare = given[1:-1] if len(given) > 2 and given[0] == given[-1] == '"' else given
    if not _KEY.match(bare):
        raise InvalidKey("The Idempotency-Key is not 1 to 200 visible ASCII characters.", hint="A UUID is a good key.")
    return bare
