"""gzip for large answers (RFC 9110 section 12.5.3), each with an ETag of its own (section 8.8.3).

A page has no secret beside text that another site could choose, so compression tells nothing (BREACH).
"""

import gzip
from typing import Final

from flask import Flask, Response, g, request

SMALLEST: Final = 1400
"""Bytes: what is smaller fits into one packet as it is."""
_LEVEL: Final = 5
_SUFFIX: Final = "-gzip"
_TYPES: Final = (
    "application/json",
    "application/openmetrics-text",
    "application/problem+json",
    "application/yaml",
    "image/svg+xml",
)


def install(app: Flask) -> None:
    """To be installed first: it is asked first, and answers last."""
    app.before_request(_read_tags)
    app.after_request(_compress)


def _read_tags() -> None:
    """Handlers know the ETag of the plain answer only."""
    for name in ("HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH"):
        given = request.environ.get(name, "")
        if f'{_SUFFIX}"' in given:
            request.environ[name] = given.replace(f'{_SUFFIX}"', '"')
            g.has_compressed = True


def _compress(response: Response) -> Response:
    if response.status_code == 304 and "has_compressed" in g:
        _mark(response)
    if not _is_text(response.mimetype) or _is_stream(response) or "Content-Encoding" in response.headers:
        return response
    response.vary.add("Accept-Encoding")
    if request.method == "HEAD" or not _is_wanted() or response.status_code in (204, 206, 304):
        return response
    response.direct_passthrough = False
    content = response.get_data()
    if len(content) < SMALLEST:
        return response
    response.set_data(gzip.compress(content, _LEVEL, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    _mark(response)
    return response


def _mark(response: Response) -> None:
    tag, is_weak = response.get_etag()
    if tag is not None:
        response.set_etag(f"{tag}{_SUFFIX}", weak=bool(is_weak))


def _is_wanted() -> bool:
    return request.accept_encodings.quality("gzip") > 0 and "Accept-Encoding" in request.headers


def _is_text(kind: str | None) -> bool:
    return kind is not None and (kind.startswith("text/") or kind in _TYPES)


def _is_stream(response: Response) -> bool:
    """Server-sent events; a file is none."""
    return response.is_streamed and not response.direct_passthrough
