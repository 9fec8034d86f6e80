"""Answers to pages of other sites that the operator named (https://fetch.spec.whatwg.org/#http-cors-protocol).

They show a token, as any program does: no cookie goes with it, for credentials are never allowed.
"""

from flask import Flask, Response, request

from chronos_gitops.server.api.request_context import service

_METHODS = "GET, HEAD, POST, DELETE"
_ASKED = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Request-ID"
_SHOWN = "Deprecation, ETag, Link, Location, Retry-After, Sunset, X-Chronos-Commit, X-Request-ID"
_REMEMBERED = "600"


def install(app: Flask) -> None:
    app.after_request(_allow)


def _allow(response: Response) -> Response:
    allowed = service().settings.cors_origins
    if not allowed or not request.path.startswith("/api/"):
        return response
    response.headers.add("Vary", "Origin")
    origin = request.headers.get("Origin", "")
    if origin not in allowed:
        return response
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = _SHOWN
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        response.headers["Access-Control-Allow-Methods"] = _METHODS
        response.headers["Access-Control-Allow-Headers"] = _ASKED
        response.headers["Access-Control-Max-Age"] = _REMEMBERED
    return response
