"""One Idempotency-Key is one call of its caller: with another target or body it is refused, on every POST.

The newest keys are remembered by this runner while it runs; a call that was refused with a 4xx gives its key back.
"""

import hashlib
import json
import threading
from typing import Any, Final, cast

from flask import Flask, Response, current_app, g, request

from chronos_gitops.process.bounded_dict import BoundedDict
from chronos_gitops.server.api import endpoint, request_context
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import RawBody
from chronos_gitops.server.api.params import body, idempotency
from chronos_gitops.server.api.problems import ApiError

_EXTENSION: Final = "chronos_gitops.key_reuse"
_REMEMBERED: Final = 10_000
Owner = tuple[str, str]


class IdempotencyKeyReused(ApiError):
    kind = "idempotency-key-reused"


class UsedKeys:
    """Which call each key of each caller stands for; the key that was seen longest ago is forgotten first."""

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._calls: BoundedDict[Owner, bytes] = BoundedDict(most)
        self._lock = threading.Lock()

    def claim(self, owner: Owner, call: bytes) -> bool:
        """True when the key is new; IdempotencyKeyReused when it stands for another call."""
        with self._lock:
            is_new = owner not in self._calls
            known = self._calls.get(owner, call)
            self._calls[owner] = known
        if known != call:
            raise IdempotencyKeyReused(
                "The Idempotency-Key was used for another target or body.",
                hint="Use a new key for a new call; repeat a call with the key it had.",
            )
        return is_new

    def release(self, owner: Owner) -> None:
        with self._lock:
            self._calls.pop(owner, None)


def install(app: Flask) -> None:
    app.extensions[_EXTENSION] = UsedKeys()
    app.before_request(_claim)
    app.after_request(_release)


def _claim() -> None:
    key = idempotency.key() if request.method == "POST" and endpoint.current() is not None else None
    if key is not None:
        owner = request_context.unique_caller() or "", key
        if _used().claim(owner, _call()):
            g.claimed_key = owner


def _release(response: Response) -> Response:
    status = request_context.refused_as() or response.status_code
    if "claimed_key" in g and 400 <= status < 500:
        _used().release(g.claimed_key)
    return response


def _used() -> UsedKeys:
    return cast(UsedKeys, current_app.extensions[_EXTENSION])


def _call() -> bytes:
    """A digest of the target and the body; a job is the same by its name and by its id."""
    values: dict[str, Any] = dict(request.view_args or {})
    job = caller_scope.jobs().find(values["name"]) if "name" in values else None
    if job is not None:
        values["name"] = job.job.name
    declared = endpoint.current()
    is_raw = declared is not None and isinstance(declared.body, RawBody)
    content = request.get_data() if is_raw else json.dumps(body.fields(), sort_keys=True).encode()
    target = json.dumps([request.endpoint, values, sorted(request.args.items(multi=True))], sort_keys=True)
    return hashlib.sha256(hashlib.sha256(target.encode()).digest() + content).digest()
