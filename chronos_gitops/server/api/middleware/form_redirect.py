"""Forms of the page ask what programs ask, at the same addresses, and are sent on to a page when it was done."""

from flask import Flask, Response, request

from chronos_gitops.server.api.params import body

START = "/"


def install(app: Flask) -> None:
    """Before everything else that looks at answers: those run first, and see what a program would get."""
    app.after_request(_send_on)


def own_path(path: str | None) -> str:
    """A path of this runner, else the start: browsers read ``//host`` and ``/\\host`` as another machine."""
    is_own = path is not None and path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable()
    return path if path is not None and is_own else START


def _send_on(response: Response) -> Response:
    if request.method != "POST" or response.status_code >= 300:
        return response
    filled_in = body.form()
    if filled_in is None or "_next" not in filled_in:
        return response
    response.status_code = 303
    response.headers["Location"] = own_path(filled_in["_next"])
    return response
