"""A browser's session: a signed cookie that stands for a token, for half a day, and only for our own pages."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Response, request
from itsdangerous import BadData, URLSafeSerializer

from chronos_gitops.api import origin
from chronos_gitops.data_lock import DataFolderUnusable
from chronos_gitops.durable import write_atomically
from chronos_gitops.engine.clock import is_ahead

if TYPE_CHECKING:
    from chronos_gitops.settings import Token

COOKIE = "chronos_session"
LIFETIME = timedelta(hours=12)
KEY_FILE = "session.key"
_KEY_BYTES = 32


class Sessions:
    """Signs and reads cookies. A session ends with its token: the cookie holds the beginning of the token's digest."""

    def __init__(self, key: bytes) -> None:
        self._serializer = URLSafeSerializer(key, salt="chronos-gitops.session")

    def issue(self, token: "Token", now: datetime) -> str:
        return self._serializer.dumps([token.name, token.sha256[:16], int((now + LIFETIME).timestamp())])

    def token(self, cookie: str, tokens: "Sequence[Token]", now: datetime) -> "Token | None":
        """The token that the cookie stands for; None when it is not ours, over, or its token is gone."""
        try:
            name, mark, until = self._serializer.loads(cookie)
            end = datetime.fromtimestamp(until, UTC)
        except (BadData, ValueError, TypeError, OverflowError):
            return None
        # A cookie that was issued while the clock was ahead would be good for too long.
        is_over = now >= end or is_ahead(end, now + LIFETIME)
        return None if is_over else next((one for one in tokens if [one.name, one.sha256[:16]] == [name, mark]), None)


def load(data: Path) -> Sessions:
    """With the key in the data folder, which nobody else can read; it is made at the first start."""
    path = data / KEY_FILE
    try:
        key = path.read_bytes() if path.exists() else b""
        return Sessions(key if len(key) == _KEY_BYTES else _made(path))
    except OSError as error:
        raise DataFolderUnusable(
            f"{path} cannot be kept: {error.strerror}", hint="choose another folder with --data"
        ) from error


def _made(path: Path) -> bytes:
    key = secrets.token_bytes(_KEY_BYTES)
    write_atomically(path, key)
    return key


def shown() -> str | None:
    """The cookie, where it may count: a page of another site must not act, or look, in its reader's name.

    Reading also works by following a link from elsewhere; writing needs a browser that says it is our own page.
    """
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        return None
    site, source = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if request.method in origin.SAFE_METHODS:
        is_followed_link = request.headers.get("Sec-Fetch-Mode") == "navigate"
        return cookie if site in (None, "same-origin", "none") or is_followed_link else None
    is_said = site is not None or source is not None
    return cookie if is_said and origin.is_own(request.host, source, site) else None


def keep(response: Response, cookie: str) -> None:
    """Secure where the browser came by https: also behind a proxy that speaks http to us, its Origin tells."""
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=LIFETIME,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure or request.headers.get("Origin", "").startswith("https://"),
    )


def forget(response: Response) -> None:
    response.delete_cookie(COOKIE, httponly=True, samesite="Lax")
