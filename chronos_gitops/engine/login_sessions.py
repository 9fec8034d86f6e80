"""Login sessions as rows of the engine's store, so that every replica knows them and their end."""

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from typing import Any, Final

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.loop_thread import not_running
from chronos_gitops.engine.sql.store.ledger import signing_key
from chronos_gitops.engine.sql.store.row_mapping import Row
from chronos_gitops.engine.sql.store.store import Session, Store
from chronos_gitops.process.lazy_dataclass import dataclass

_KEY_BYTES: Final = 32
MOST_OF_ONE_PERSON: Final = 100
"""Sessions of one person; a further login ends the oldest one."""


@dataclass(frozen=True, slots=True)
class LoginSession:
    """``id`` is the SHA-256 of the cookie's value, which is stored nowhere. ``person`` is unique for its way in,
    ``via``; ``name`` is shown. ``claims`` are those of the login that grants ask for."""

    id: str
    person: str
    name: str
    via: str
    claims: Mapping[str, Any]
    address: str
    began_at: datetime
    until: datetime

    def is_of(self, via: str, person: str) -> bool:
        return (self.via, self.person) == (via, person)


class LoginSessions:
    """The sessions in a store that is open between ``open`` and ``close``; NotRunning outside of that, StoreError when
    the store does not answer. Safe from any thread."""

    def __init__(self, open_store: Callable[[Engine], AbstractContextManager[Store]]) -> None:
        self._open_store = open_store
        self._resources = ExitStack()
        self._opened: Store | None = None
        self._lock = threading.Lock()
        self._key: bytes | None = None

    def open(self, engine: Engine) -> None:
        self._opened = self._resources.enter_context(self._open_store(engine))

    def close(self) -> None:
        """Harmless when it was never opened."""
        self._opened = None
        self._resources.close()

    def add(self, session: LoginSession) -> None:
        """On stable storage when it returns. Forgets sessions whose time is over."""
        self._store.write(lambda transaction: _add(transaction, session)).result()

    def find(self, session_id: str) -> LoginSession | None:
        return self._store.read(lambda transaction: _find(transaction, session_id))

    def current(self, now: datetime) -> list[LoginSession]:
        """Those that have not ended by themselves, newest first."""
        return self._store.read(lambda transaction: _current(transaction, now))

    def end(self, session_id: str) -> None:
        """Harmless when it has ended."""
        self._store.write(lambda transaction: transaction.execute(_END, {"id": session_id}).rowcount).result()

    def login_key(self) -> bytes:
        """The key, made once, under which all runners of one store sign what a login has to remember."""
        with self._lock:
            if self._key is None:
                fresh = secrets.token_bytes(_KEY_BYTES)
                self._key = self._store.write(lambda transaction: signing_key(transaction, "login", fresh)).result()
            return self._key

    @property
    def _store(self) -> Store:
        if self._opened is None:
            raise not_running()
        return self._opened


def _add(transaction: Session, session: LoginSession) -> None:
    began_at = milliseconds.to_ms(session.began_at)
    transaction.execute(_FORGET, {"now": began_at})
    row = {
        "id": session.id,
        "person": session.person,
        "name": session.name,
        "via": session.via,
        "claims": json.dumps(session.claims),
        "address": session.address,
        "began_at": began_at,
        "until": milliseconds.to_ms(session.until),
    }
    transaction.execute(_ADD, row)
    whose = {"via": session.via, "person": session.person, "most": MOST_OF_ONE_PERSON}
    transaction.execute(_END_OLDEST, whose)


def _find(transaction: Session, session_id: str) -> LoginSession | None:
    row = transaction.execute(_FIND, {"id": session_id}).fetchone()
    return None if row is None else _session(row)


def _current(transaction: Session, now: datetime) -> list[LoginSession]:
    return [_session(row) for row in transaction.execute(_CURRENT, {"now": milliseconds.to_ms(now)}).fetchall()]


def _session(row: Row) -> LoginSession:
    return LoginSession(
        id=row["id"],
        person=row["person"],
        name=row["name"],
        via=row["via"],
        claims=json.loads(row["claims"]),
        address=row["address"],
        began_at=milliseconds.instant(row["began_at"]),
        until=milliseconds.instant(row["until"]),
    )


_COLUMNS: Final = "id, person, name, via, claims, address, began_at, until"

_FORGET: Final = "DELETE FROM login_sessions WHERE until <= :now"

_ADD: Final = f"""
INSERT INTO login_sessions ({_COLUMNS}) VALUES (:id, :person, :name, :via, :claims, :address, :began_at, :until)
ON CONFLICT DO NOTHING
"""

_END_OLDEST: Final = """
DELETE FROM login_sessions WHERE via = :via AND person = :person AND id NOT IN (
    SELECT id FROM login_sessions WHERE via = :via AND person = :person ORDER BY began_at DESC, id LIMIT :most
)
"""

_FIND: Final = f"SELECT {_COLUMNS} FROM login_sessions WHERE id = :id"

_CURRENT: Final = f"SELECT {_COLUMNS} FROM login_sessions WHERE until > :now ORDER BY began_at DESC, id"

_END: Final = "DELETE FROM login_sessions WHERE id = :id"
