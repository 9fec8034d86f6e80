"""A browser's session: a signed cookie that stands for a token, for half a day, and only for our own pages."""

import hashlib
import json
import secrets
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Response, request
from itsdangerous import BadData, URLSafeSerializer

from chronos_gitops.engine.clock import is_ahead
from chronos_gitops.server.api.auth import origin
from chronos_gitops.state.atomic_files import read_lines, write_atomically
from chronos_gitops.state.data_lock import DataFolderUnusable

if TYPE_CHECKING:
    from chronos_gitops.config.model import Token

COOKIE = "chronos_session"
LIFETIME = timedelta(hours=12)
KEY_FILE, ENDED_FILE = "session.key", "sessions-ended.jsonl"
_KEY_BYTES = 32


class Sessions:
    """Signs and reads cookies. A session ends with its token: the cookie holds the beginning of the token's digest.

    ``ended`` is the file of the sessions that were logged out of, by the SHA-256 of their random ids, until their time
    is over anyway; this runner refuses them also after a restart. Safe from any thread.
    """

    def __init__(self, key: bytes, ended: Path | None = None) -> None:
        self._serializer = URLSafeSerializer(key, salt="chronos-gitops.session")
        self._file = ended
        self._lock = threading.Lock()
        self._ended = {} if ended is None or not ended.exists() else dict(_ended_sessions(ended))

    def issue(self, token: "Token", now: datetime) -> str:
        until = int((now + LIFETIME).timestamp())
        return self._serializer.dumps([token.name, token.sha256[:16], until, secrets.token_urlsafe(16)])

    def end(self, cookie: str, now: datetime) -> None:
        """The cookie is worth nothing from now on. Harmless for one that is not ours. OSError when it is not kept."""
        try:
            _, _, until, number = self._serializer.loads(cookie)
            digest = _digest(number)
        except (BadData, ValueError, TypeError, AttributeError):
            return
        with self._lock:
            self._ended = {one: end for one, end in self._ended.items() if end > now.timestamp()} | {digest: until}
            if self._file is not None:
                lines = (json.dumps({"session": one, "until": end}) + "\n" for one, end in self._ended.items())
                write_atomically(self._file, (line.encode() for line in lines))

    def token(self, cookie: str, tokens: "Sequence[Token]", now: datetime) -> "Token | None":
        """The token that the cookie stands for; None when it is not ours, over, or its token is gone."""
        try:
            name, mark, until, number = self._serializer.loads(cookie)
            end = datetime.fromtimestamp(until, UTC)
            digest = _digest(number)
        except (BadData, ValueError, TypeError, OverflowError, AttributeError):
            return None
        # A cookie that was issued while the clock was ahead would be good for too long.
        is_over = digest in self._ended or now >= end or is_ahead(end, now + LIFETIME)
        return None if is_over else next((one for one in tokens if [one.name, one.sha256[:16]] == [name, mark]), None)


def _digest(number: str) -> str:
    return hashlib.sha256(number.encode()).hexdigest()


def _ended_sessions(file: Path) -> Iterator[tuple[str, int]]:
    for line in read_lines(file):
        if isinstance(line.get("session"), str) and isinstance(line.get("until"), int):
            yield line["session"], line["until"]


def load(data: Path) -> Sessions:
    """With the key in the data folder, which nobody else can read; it is made at the first start."""
    path = data / KEY_FILE
    try:
        key = path.read_bytes() if path.exists() else b""
        return Sessions(key if len(key) == _KEY_BYTES else _made(path), data / ENDED_FILE)
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
