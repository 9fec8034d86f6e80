"""Forms of the page ask what programs ask, at the same addresses, and are sent on to a page when it was done.

That page says what was done. The notice travels in a cookie, which the page that shows it takes back, so that it is
right on every replica and lost with the browser at the latest.
"""

import base64
import json
from typing import Final

from flask import Flask, Response, request

from chronos_gitops.server.api import endpoint, links
from chronos_gitops.server.api.form_notice import DONE, FormNotice
from chronos_gitops.server.api.params import form_origin

COOKIE: Final = "chronos_notice"
_MAX_AGE_S: Final = 60
_LONGEST: Final = 500


def install(app: Flask) -> None:
    """Before everything else that looks at answers: those run first, and see what a program would get."""
    app.after_request(_send_on)
    app.after_request(_take_back)


def notice() -> FormNotice | None:
    """The result of the form that led to this page: a text and a path of this runner, whatever the cookie contains."""
    try:
        found = FormNotice(*json.loads(base64.urlsafe_b64decode(request.cookies.get(COOKIE, "").encode("ascii"))))
        text, path, word = (str(part) for part in found)
    except (ValueError, TypeError):
        return None
    return FormNotice(text[:_LONGEST], form_origin.own_path(path) if path else "", word[:_LONGEST])


def encoded(said: FormNotice) -> str:
    """The value of the cookie."""
    parts = [text[:_LONGEST] for text in said]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def _send_on(response: Response) -> Response:
    page = form_origin.page() if response.status_code < 300 else None
    if page is None:
        return response
    declared = endpoint.current()
    make = None if declared is None else declared.notice
    said = DONE if make is None else make(response.get_json(silent=True) or {})
    said = said._replace(path=said.path and links.path(said.path))
    value = encoded(said)
    response.set_cookie(
        COOKIE, value, max_age=_MAX_AGE_S, path=_path(), httponly=True, samesite="Strict", secure=request.is_secure
    )
    response.status_code = 303
    response.headers["Location"] = page
    return response


def _take_back(response: Response) -> Response:
    if request.method == "GET" and COOKIE in request.cookies and response.mimetype == "text/html":
        response.delete_cookie(COOKIE, path=_path(), httponly=True, samesite="Strict", secure=request.is_secure)
    return response


def _path() -> str:
    """Of the cookie: another program on the same host never gets it."""
    return links.path("") or "/"
