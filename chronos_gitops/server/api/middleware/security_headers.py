"""The headers every response carries."""

from flask import Flask, Response

from chronos_gitops.server.api.request_context import request_id, service

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def install(app: Flask) -> None:
    app.after_request(_add)


def _add(response: Response) -> Response:
    headers = response.headers
    headers["X-Request-ID"] = request_id()
    revision = service().jobs().revision
    if revision is not None:
        headers["X-Chronos-Commit"] = revision
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Referrer-Policy"] = "same-origin"
    headers.setdefault("Cache-Control", "private, no-cache")
    return response
