"""Pages of a list: an opaque cursor that belongs to its filters, ``next`` in the body and in Link (RFC 8288)."""

import base64
import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from flask import Response, jsonify, request

from chronos_gitops.server.api import endpoint, links
from chronos_gitops.server.api.endpoint import Answer
from chronos_gitops.server.api.openapi.schemas import components
from chronos_gitops.server.api.openapi.shapes import Schema, ref
from chronos_gitops.server.api.params import query
from chronos_gitops.server.api.params.query import QueryParameter
from chronos_gitops.server.api.problems import ApiError

LIMIT = query.integer("limit", "Maximum number of items in the response", default=100, high=1000)
CURSOR = query.text("cursor", "Opaque cursor from `next`; valid for the same filters only", has_example=False)
PAGED = (LIMIT, CURSOR)
ON_THE_WAY = ("cursor", "limit", "fields")
"""Parameters that a client may change from page to page."""
Position = TypeVar("Position")
Item = TypeVar("Item")


class CursorMismatch(ApiError):
    kind = "cursor-mismatch"


def fields(item: str) -> QueryParameter[tuple[str, ...]]:
    """``fields=``: of each item, which has this shape, only these fields."""
    return query.words("fields", tuple(components()[item]["properties"]), "Of each item only these fields")


def listed(description: str, shape: str, *others: Schema, media: tuple[str, ...] = ()) -> Answer:
    """The answer of a list that takes ``fields``; ``others`` are further shapes of it."""
    return endpoint.answer(description, {"oneOf": [ref(shape), ref("PartialList"), *others]}, *media)


def limit() -> int:
    return LIMIT.value()


def position(read: Callable[[Any], Position]) -> Position | None:
    """Where the page starts, None for the first page. ``read`` makes the position of the JSON values in the cursor."""
    cursor = CURSOR.value()
    if cursor is None:
        return None
    try:
        filters, *values = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=="))
        found = read(values)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError):
        raise CursorMismatch("The cursor is not one that this API gave.", hint="Start without cursor.") from None
    if filters != _filters():
        raise CursorMismatch(
            "The cursor was given for other filters than this request has.",
            hint="Follow `next` as it is, or start without cursor.",
        )
    return found


def instant(text: str) -> datetime:
    """A time out of a cursor; ValueError for anything else."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("the cursor's time has no zone")
    return found.astimezone(UTC)


def answer(items: Sequence[Mapping[str, Any]], after: Sequence[str | int | None] | None, **more: Any) -> Response:
    """One page; ``after`` is the position of its last item when more follow, ``more`` stands beside the items."""
    following = None if after is None else next_url(after)
    chosen = _chosen()
    if chosen is not None:
        items = [{name: item[name] for name in chosen if name in item} for item in items]
        more = {**more, "fields": chosen}
    response = jsonify({"items": items, "next": following} | more)
    if following is not None:
        response.headers["Link"] = f'<{following}>; rel="next"'
    return response


def by_name(
    found: Sequence[Item], name: Callable[[Item], str], document: Callable[[Item], Mapping[str, Any]]
) -> Response:
    """One page of a list that is sorted by a unique name."""
    size = limit()
    after = position(lambda values: str(values[0])) or ""
    start = bisect_right(found, after, key=name)
    page = found[start : start + size]
    return answer([document(one) for one in page], [name(page[-1])] if len(found) > start + size else None)


def _chosen() -> tuple[str, ...] | None:
    declared = endpoint.current()
    taken = () if declared is None else declared.parameters
    found = next((one for one in taken if isinstance(one, QueryParameter) and one.name == "fields"), None)
    return None if found is None else cast("tuple[str, ...] | None", found.value())


def _filters() -> str:
    """A digest of the list's parameters without those that a client may change between pages."""
    asked = sorted((name, value) for name, value in request.args.items(multi=True) if name not in ON_THE_WAY)
    return hashlib.sha256(json.dumps([request.path, asked]).encode()).hexdigest()[:16]


def _cursor(after: Sequence[str | int | None]) -> str:
    content = json.dumps([_filters(), *after], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def next_url(after: Sequence[str | int | None]) -> str:
    """The address of the next page, which starts after this position."""
    cursor = _cursor(after)
    asked = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
    return f"{links.absolute(request.path)}?{urlencode([*asked, ('cursor', cursor)])}"
