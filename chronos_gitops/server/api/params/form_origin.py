"""The page that a form came from: its field ``_next``, where the browser goes afterwards."""

import re
from typing import Final
from urllib.parse import parse_qsl

from flask import request
from werkzeug.exceptions import HTTPException

from chronos_gitops.server.api import links

START: Final = "/"
_MOST_FIELDS: Final = 20


def pairs() -> dict[str, str] | None:
    """The fields of a form of our own page, those left empty apart; None for a body that is none.

    ``curl --data '{...}'`` says that it sends a form, and sends JSON. Names that begin with ``_`` are about the form.
    """
    if request.mimetype != "application/x-www-form-urlencoded":
        return None
    try:
        content = request.get_data().strip()
    except HTTPException:  # too large, or cut off: that was the answer already
        return None
    if not content or content.startswith(b"{"):
        return None
    try:
        found = parse_qsl(content.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    return {name: value.replace("\r\n", "\n") for name, value in found if value}


def page() -> str | None:
    """None where no form of a page was sent."""
    filled_in = pairs() if request.method == "POST" else None
    return None if filled_in is None or "_next" not in filled_in else own_path(filled_in["_next"])


def own_path(path: str | None) -> str:
    """A path of this runner, else the start: browsers read ``//host`` and ``/\\host`` as another machine, and what is
    not below the path of ``public_url`` is another program. ``\\`` is ``/`` to them (WHATWG URL, path state)."""
    start = links.path(START)
    if path is None or not path.startswith(start) or path[1:2] in ("/", "\\") or not path.isprintable():
        return start
    steps = re.split(r"[/\\]", re.split("[?#]", path, maxsplit=1)[0].lower().replace("%2e", "."))
    return start if ".." in steps else path
