"""The seam below the engine: a ledger's database, whichever it is, as operations on a session."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from datetime import datetime
from importlib import resources
from itertools import groupby
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from chronos_gitops.engine.sql.store.row_mapping import Row
from chronos_gitops.errors import ChronosError
from chronos_gitops.process.lazy_dataclass import dataclass

T = TypeVar("T")

LEASE_S: Final = 6.0
"""A runner that could not write for this long has lost its lease: it neither claims nor sends, and is not alive."""


class StoreError(ChronosError):
    """The ledger cannot be read or written just now; nothing was acknowledged."""

    kind = "store"


class StoreAway(StoreError):
    """The database does not answer: every operation would fail."""


class StoreUnusable(ChronosError):
    """The ledger needs a person; it is never recreated by itself."""

    kind = "store-unusable"


class Rows(Protocol):
    """Rows returned by a statement; ``rowcount`` is the number of rows changed."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Row | None: ...

    def fetchall(self) -> Sequence[Row]: ...


class Session(Protocol):
    """One transaction's way to the database; statements are those of ``statements``, in the language of ``dialect``."""

    def execute(self, statement: str, parameters: Mapping[str, Any] | None = None) -> Rows: ...

    def executemany(self, statement: str, parameters: Iterable[Mapping[str, Any]]) -> int:
        """Run the statement for each set of parameters; returns the number of rows changed in all."""


Operation = Callable[[Session], T]


class Result(NamedTuple):
    """Value of an operation that is on stable storage, or the error that it raised."""

    value: Any
    error: Exception | None = None


def perform(session: Session, operations: Sequence[Operation[Any]]) -> list[Any]:
    """Runs operations in their order and returns their values. Neighbours of a class that has ``together`` are given to
    it at once."""
    values: list[Any] = []
    for kind, found in groupby(operations, type):
        several = list(found)
        together: Callable[[Session, list[Any]], list[Any]] | None = getattr(kind, "together", None)
        if together is not None and len(several) > 1:
            values += together(session, several)
        else:
            values += [operation(session) for operation in several]
    return values


@dataclass(frozen=True, slots=True)
class ReplicaView:
    """A runner among those that share its database. ``leads``: no other knows a newer revision, so this one says what
    is due. ``alone``: nobody else was there, so what was not claimed by now was missed."""

    leads: bool
    alone: bool


class Replica(Protocol):
    """This runner among those that share its database; the embedded engine is always alone."""

    @property
    def id(self) -> str:
        """Of this process: the owner of what it runs."""

    @property
    def namespace(self) -> uuid.UUID:
        """The database's namespace of ids for scheduled executions; the same for every runner."""

    @property
    def trouble(self) -> str:
        """The reason why the store is unreachable; empty when it is reachable."""

    @property
    def is_shared(self) -> bool:
        """True if other runners may use the database, now or later."""

    @property
    def is_current(self) -> bool:
        """True if it has a lease and can write, so that it may claim and send: what it owns is its own for sure."""

    @property
    def lease_failure(self) -> str:
        """Why it has lost its lease; empty while it has one, and while it starts."""

    @property
    def losses(self) -> int:
        """Number of times that other replicas may have taken over this one's executions; earlier claims must be read
        again."""

    @property
    def leads(self) -> bool:
        """As ``Standing`` has it, by what is known now."""

    @property
    def defers(self) -> bool:
        """As ``look_at_releases`` found it last."""

    def look_at_releases(self, session: Session) -> bool:
        """True if another live runner has a newer release of the time zone database: that runner decides what is due.
        Read while watermarks are locked, so it holds until the end of the transaction."""

    @property
    def claims_at_once(self) -> int:
        """Maximum number of jobs decided in one transaction, so that other replicas get their share."""

    def decides_at(self, job: str, due: datetime) -> datetime:
        """The instant at which this runner decides over a job that is due: a little later for those that belong to
        another one, which has decided by then unless it is away."""

    def join(self, session: Session, revision: str | None) -> ReplicaView:
        """Tells the others what this one has applied, in the transaction that applies it; one replica at a time."""

    def take_over(self, session: Session) -> None:
        """Makes executions its own whose owner is known to be gone."""

    def hold(self, session: Session, job: str) -> None:
        """Waits for the right to decide over a job that may have no watermark."""

    def live(self, session: Session) -> frozenset[str]:
        """The ids of runners that are there."""

    def applied_by_others(self, session: Session) -> Sequence[str | None]:
        """The commits that the other runners have applied that are there; None for one that has applied none."""

    def tell(self, session: Session, other: str = "") -> None:
        """Wakes the other runner, or all of them, when the transaction is committed."""

    def watch(self, hear: Callable[[], None]) -> None:
        """From now on ``hear`` is called, in another thread, whenever there may be news in the database."""


class Store(Protocol):
    """Safe to call from any thread until ``close``. An operation may run twice: it must decide by what it reads."""

    @property
    def replica(self) -> Replica: ...

    def write(self, operation: Operation[T]) -> "Future[T]":
        """Queues the operation; the future answers when its batch is on stable storage, or fails with StoreError."""

    def write_all(self, operations: Sequence[Operation[Any]], tell: Callable[[list[Result]], None]) -> None:
        """Queues several; ``tell`` hears, in another thread, what became of each. One that fails does so alone."""

    def read(self, operation: Operation[T]) -> T:
        """Runs in the caller's thread, on a connection that cannot write. StoreError."""

    def alone(self, name: str) -> AbstractContextManager[None]:
        """One at a time of this name, over all runners that share the database. ConflictError after a while."""

    def close(self, within: float | None = None) -> None:
        """Ends what was queued, lets go of what it owns and of the database; what a database that hangs holds up is
        given up ``within`` so many seconds."""


def migrations(database: str) -> dict[int, str]:
    """Number to SQL, forward only; ``0005.postgres.sql`` is for that one, and nothing for the other. A step may have a
    part for both and a part for each."""
    folder = resources.files("chronos_gitops.engine.sql.store") / "schema"
    found: dict[int, str] = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        number, _, kind = file.name.removesuffix(".sql").partition(".")
        part = file.read_text() if kind in ("", database) else ""
        found[int(number)] = found.get(int(number), "") + part
    return found
