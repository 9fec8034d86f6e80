"""The runners that share an engine: which commit each has applied, and which one of them does what only one may do."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Final, Protocol

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.sql.store import queries
from chronos_gitops.engine.sql.store.store import Session, Store

_DUTY: Final = "duty:"


class Fleet(Protocol):
    """Safe from any thread between ``open`` and ``close``. StoreError when the engine does not answer."""

    def open(self, engine: Engine) -> None: ...

    def close(self) -> None:
        """Harmless when it was never opened."""

    def applied(self, own: str | None) -> Sequence[str | None]:
        """The commit of each runner that is there, ``own`` is this runner's; None for one that is not known."""

    def holds(self, duty: str) -> bool:
        """True for one of the runners, and another one as soon as that one is gone."""


class SingleRunner:
    """No other runner is known here."""

    def open(self, engine: Engine) -> None:
        pass

    def close(self) -> None:
        pass

    def applied(self, own: str | None) -> Sequence[str | None]:
        return (own,)

    def holds(self, duty: str) -> bool:  # noqa: ARG002 - every duty is this runner's
        return True


class SharedStore:
    """Runners with one database. ``open_store`` is called by ``open``, when the engine runs."""

    def __init__(self, open_store: Callable[[Engine], AbstractContextManager[Store]]) -> None:
        self._open_store = open_store
        self._resources = ExitStack()
        self._store: Store | None = None

    def open(self, engine: Engine) -> None:
        self._store = self._resources.enter_context(self._open_store(engine))

    def close(self) -> None:
        self._store = None
        self._resources.close()

    def applied(self, own: str | None) -> Sequence[str | None]:
        store = self._store
        return (own,) if store is None else (own, *store.read(store.replica.applied_by_others))

    def holds(self, duty: str) -> bool:
        store = self._store
        if store is None:
            return False
        replica = store.replica

        def take(session: Session) -> bool:
            name = {"name": f"{_DUTY}{duty}"}
            replica.hold(session, name["name"])
            row = session.execute(queries.IDENTITY, name).fetchone()
            if row is not None and row["value"] != replica.id and row["value"] in replica.live(session):
                return False
            session.execute(queries.SET_IDENTITY, name | {"value": replica.id})
            return True

        return store.write(take).result()
