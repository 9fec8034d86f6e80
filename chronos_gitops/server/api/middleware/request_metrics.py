"""Requests counted and timed, by route."""

import time
from typing import cast

from flask import Flask, Response, g, request

from chronos_gitops.server.api.request_context import service


def install(app: Flask) -> None:
    app.before_request(_start)
    app.after_request(_finish)


def _start() -> None:
    g.asked_at = time.perf_counter()


def _finish(response: Response) -> Response:
    seconds = time.perf_counter() - cast(float, g.get("asked_at", time.perf_counter()))
    route = request.url_rule.rule if request.url_rule is not None else "none"
    service().metrics.http_request(request.method, route, response.status_code, seconds)
    return response
