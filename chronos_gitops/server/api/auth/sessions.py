"""A browser's login: a random id in a cookie, and what the runner knows of it."""

import hashlib
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from chronos_gitops.config.model import Token
from chronos_gitops.engine import clock
from chronos_gitops.engine.login_sessions import LoginSession, LoginSessions
from chronos_gitops.process.bounded_dict import BoundedDict
from chronos_gitops.server.api.auth.callers import VIA_TOKEN, Caller

FRESH_S: Final = 5.0
"""A session that was looked up is believed for this long: at the latest then its end counts on every replica."""
_REMEMBERED: Final = 4096
_COOKIE: Final = re.compile(r"[A-Za-z0-9_-]{43}\Z", re.ASCII)
_MARK: Final = 16


class SessionLookup:
    """The sessions as this runner sees them: each lookup holds for FRESH_S. Bounded in memory, safe from any thread."""

    def __init__(
        self,
        rows: LoginSessions,
        *,
        lifetime: timedelta,
        now: Callable[[], datetime],
        elapsed: Callable[[], float] = clock.elapsed,
    ) -> None:
        self._rows = rows
        self._lifetime = lifetime
        self._now = now
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._found: BoundedDict[str, tuple[LoginSession, float]] = BoundedDict(_REMEMBERED)  # id: (session, when)

    def begin(self, caller: Caller, claims: Mapping[str, Any], address: str) -> tuple[str, LoginSession]:
        """The value of the cookie, and its session. StoreError when it cannot be recorded."""
        cookie, now = secrets.token_urlsafe(32), self._now()
        session = LoginSession(
            id=_digest(cookie),
            person=caller.person,
            name=caller.name,
            via=caller.via,
            claims=claims,
            address=address,
            began_at=now,
            until=min(now + self._lifetime, caller.expires or datetime.max.replace(tzinfo=now.tzinfo)),
        )
        self._rows.add(session)
        return cookie, session

    def of_cookie(self, cookie: str) -> LoginSession | None:
        """None for a value that we did not make, and when the session has ended. StoreError when that is not known."""
        return self.current(_digest(cookie)) if _COOKIE.match(cookie) else None

    def current(self, session_id: str) -> LoginSession | None:
        now, session = self._now(), self._looked_up(session_id)
        if session is None:
            return None
        # One that began while the clock was ahead would last too long.
        is_over = now >= session.until or clock.is_ahead(session.until, now + self._lifetime)
        return None if is_over else session

    def end(self, session_id: str) -> None:
        """Refused here at once, and on other replicas after FRESH_S. StoreError when it may go on."""
        self._rows.end(session_id)
        with self._lock:
            self._found.pop(session_id, None)

    def _looked_up(self, session_id: str) -> LoginSession | None:
        asked_at = self._elapsed()
        with self._lock:
            known = self._found.get(session_id)
        if known is not None and 0 <= asked_at - known[1] < FRESH_S:
            return known[0]
        session = self._rows.find(session_id)
        with self._lock:
            self._found.pop(session_id, None)
            if session is not None:
                self._found[session_id] = session, asked_at
        return session


def grants(token: Token, session: LoginSession) -> bool:
    """True if the session began with this token; another token may have its name by now."""
    return session.via == VIA_TOKEN and session.claims == claims_of(token)


def claims_of(token: Token) -> dict[str, str]:
    return {"token": token.name, "sha256": token.sha256[:_MARK]}


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
