"""The seam below the engine: a ledger's database, whichever it is, as operations on a session."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from importlib import resources
from typing import Any, ClassVar, Protocol, TypeVar

from chronos_gitops.engine.sql.rows import Row
from chronos_gitops.errors import ChronosError

T = TypeVar("T")


class StoreError(ChronosError):
    """The ledger cannot be read or written just now; nothing was acknowledged."""

    kind = "store"


class StoreUnusable(ChronosError):
    """The ledger needs a person; it is never recreated by itself."""

    kind = "store-unusable"
    exit_code: ClassVar[int] = 1


class Rows(Protocol):
    """What a statement answered; ``rowcount`` is how many rows it changed."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Row | None: ...

    def fetchall(self) -> list[Row]: ...


class Session(Protocol):
    """One transaction's way to the database; statements are those of ``statements``, in the language of ``dialect``."""

    def execute(self, statement: str, parameters: Mapping[str, Any] | None = None) -> Rows: ...

    def executemany(self, statement: str, parameters: Iterable[Mapping[str, Any]]) -> None: ...


Operation = Callable[[Session], T]


class Store(Protocol):
    """Safe to call from any thread until ``close``. An operation may run twice: it must decide by what it reads."""

    def write(self, operation: Operation[T]) -> "Future[T]":
        """Queues the operation; the future answers when its batch is on stable storage, or fails with StoreError."""

    def read(self, operation: Operation[T]) -> T:
        """Runs in the caller's thread, on a connection that cannot write. StoreError."""

    def close(self) -> None:
        """Ends what was queued, then lets go of the database."""


def migrations() -> dict[int, str]:
    """Number to SQL, forward only, for both databases."""
    folder = resources.files("chronos_gitops.engine.sql") / "schema"
    return {int(file.name[:4]): file.read_text() for file in folder.iterdir() if file.name.endswith(".sql")}
