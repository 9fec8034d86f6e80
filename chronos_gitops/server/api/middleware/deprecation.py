"""Announcement of what will be removed, in every response of it: Deprecation (RFC 9745), Sunset (RFC 8594), and a Link.

An endpoint or a parameter declares it. Of several the earliest days are sent.
"""

from datetime import UTC, date, datetime, time

from flask import Flask, Response, request
from werkzeug.http import http_date

from chronos_gitops.server.api import endpoint, links
from chronos_gitops.server.api.endpoint import Deprecation


def install(app: Flask) -> None:
    app.after_request(_announce)


def _announce(response: Response) -> Response:
    found = _used()
    if found:
        since, sunset = (_midnight(min(days)) for days in zip(*((one.since, one.sunset) for one in found), strict=True))
        response.headers["Deprecation"] = f"@{since.timestamp():.0f}"
        response.headers["Sunset"] = http_date(sunset)
        response.headers.add("Link", f'<{links.absolute("/api/docs")}>; rel="deprecation"; type="text/html"')
    return response


def _used() -> list[Deprecation]:
    """Of the endpoint, and of those parameters that the request gives."""
    declared = endpoint.current()
    if declared is None:
        return []
    given = {*request.args, *request.headers.keys(), *(request.view_args or {})}
    parameters = (one.deprecation for one in declared.parameters if one.name in given)
    return [found for found in (declared.deprecation, *parameters) if found is not None]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
