"""This runner among those that share the database: its lease, the others' leases, and the news they send."""

import contextlib
import logging
import select
import socket
import threading
import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from chronos_gitops.engine.clock import elapsed
from chronos_gitops.engine.sql.postgres import leases
from chronos_gitops.engine.sql.postgres.clock import DatabaseClock, instant
from chronos_gitops.engine.sql.postgres.connection import Connection, DatabaseAddress, PostgresSession, Severable
from chronos_gitops.engine.sql.store.store import LEASE_S, ReplicaView, Session
from chronos_gitops.engine.sql.write_watchdog import WriteWatch
from chronos_gitops.process.background_thread import BackgroundThread
from chronos_gitops.schedule.zones.timezones import release_order, rules_version

log = logging.getLogger(__name__)

_BEATS_IN_A_LEASE: Final = 3
CLAIMS_AT_ONCE: Final = 200
_AFTER_TROUBLE_S: Final = 0.5
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_LEFT_TO_OTHERS: Final = timedelta(milliseconds=50)
"""A due job is left to the runner that it belongs to for this time, and for at most twice this time. Then the others
read what that runner has decided, about all such jobs at once, and lock nothing."""
_GOODBYE_S: Final = 2.0


class PostgresReplica:
    """See the Replica protocol. A thread of its own renews the lease, and looks after dead replicas and news. A lease
    that it renews while the writer, ``watch`` tells, cannot write would hold up what the others could run, so it is
    given up then; also when ``loss`` says that another runner may have the data folder, whose name in the database
    (``place``) would be that runner's, too. ``lost`` is called when the server was lost. ``release`` of the time zone
    database is the one that scheduled times are computed from, unless it is given."""

    is_shared = True
    claims_at_once = CLAIMS_AT_ONCE

    def __init__(
        self,
        address: DatabaseAddress,
        *,
        place: str,
        clock: DatabaseClock | None,
        lease_s: float,
        watch: WriteWatch,
        lost: Callable[[], None],
        loss: Callable[[], str] = lambda: "",
        release: str | None = None,
    ) -> None:
        self.id = str(uuid.uuid4())
        self.namespace = uuid.UUID(int=0)
        self.trouble = ""
        self.losses = 0
        self.leads = True
        self.defers = False
        self._release = rules_version() if release is None else release
        self._address = address
        self._place = place
        self._clock = clock
        self._lease_s = lease_s
        self._beat_s = lease_s / _BEATS_IN_A_LEASE
        self._watch = watch
        self._lost = lost
        self._loss = loss
        self._has_left = False
        self._asked_at: float | None = None
        self._hear: Callable[[], None] = lambda: None
        self._valid_until = 0.0
        self._held_since = 0.0
        self._renewed_at = 0.0
        self._revision: int | None = None
        self._runners = [self.id]
        self._line: Severable | None = None
        self._stopping = threading.Event()
        self._wire: tuple[socket.socket, socket.socket] | None = None
        self._thread = BackgroundThread("replica", self._work)

    @property
    def is_current(self) -> bool:
        return elapsed() < self._valid_until and self._can_write and not self._loss()

    @property
    def lease_failure(self) -> str:
        if self.is_current or not self._held_since:
            return ""
        if loss := self._loss():
            return loss
        if not self._can_write:
            return f"nothing could be written for {self._watch.seconds:.0f} s: {self._watch.error}"
        seconds = elapsed() - self._renewed_at
        return self.trouble or f"the lease was not renewed for {seconds:.0f} s: {self._address} does not answer"

    @property
    def _can_write(self) -> bool:
        return self._watch.seconds <= LEASE_S

    @property
    def silent_s(self) -> float:
        """Seconds since the lease's thread sent a request that the server has not answered."""
        asked_at = self._asked_at
        return 0.0 if asked_at is None else elapsed() - asked_at

    def sever(self) -> int | None:
        """Ends the wait for an answer; the server's process that owes it."""
        line = self._line
        if line is None:
            return None
        line.sever()
        return line.pid

    def register(self) -> None:
        """The first beat. psycopg.Error."""
        try:
            self._beat(self._listening())
        except psycopg.Error:
            if self._line is not None:
                self._line.close()
                self._line = None
            raise

    def join(self, session: Session, revision: str | None) -> ReplicaView:
        self._revision = leases.number(session, revision or "", self._revision)
        others = leases.others(session, self.id, self._revision)
        self._note(others)
        return ReplicaView(self.leads, alone=not others)

    def decides_at(self, job: str, due: datetime) -> datetime:
        runners = self._runners
        if runners[zlib.crc32(job.encode()) % len(runners)] == self.id:
            return due
        return due - (due - _EPOCH) % _LEFT_TO_OTHERS + 2 * _LEFT_TO_OTHERS

    def look_at_releases(self, session: Session) -> bool:
        mine = release_order(self._release)
        newer = {one for one in leases.releases(session, self.id) if release_order(one) > mine}
        if bool(newer) != self.defers:
            log.warning(
                "time_zone_release",
                extra={"release": self._release, "newer": max(newer, key=release_order, default=None)},
            )
        self.defers = bool(newer)
        return self.defers

    def take_over(self, session: Session) -> None:
        """At the start: executions of an earlier process with the same data folder, and those without an owner."""
        leases.take_place(session, self.id, self._place)
        leases.take_over(session, self.id, orphans_only=True)

    def hold(self, session: Session, job: str) -> None:
        session.execute("SELECT pg_advisory_xact_lock(hashtextextended(:job, 1))", {"job": job})

    def live(self, session: Session) -> frozenset[str]:
        return leases.live(session)

    def applied_by_others(self, session: Session) -> Sequence[str | None]:
        return leases.applied(session, self.id)

    def tell(self, session: Session, other: str = "") -> None:
        session.execute("SELECT pg_notify('chronos', :other)", {"other": other})

    def watch(self, hear: Callable[[], None]) -> None:
        self._hear = hear
        self._wire = socket.socketpair()
        self._thread.launch()

    def leave(self) -> None:
        """Give up the lease: other replicas take unfinished executions over at once, or when the lease ends if the
        database is unreachable. Does not wait for a server that hangs. Idempotent."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        if self._wire is not None:
            self._wire[1].send(b".")
            self._thread.join(_GOODBYE_S if self.is_current else 0.1)
            if self._thread.is_alive():
                self.sever()
                self._thread.join(_GOODBYE_S)
            if not self._thread.is_alive():
                for end in self._wire:
                    end.close()
        goodbye = BackgroundThread("goodbye", self._say_goodbye)
        goodbye.launch()
        goodbye.join(_GOODBYE_S)

    def _say_goodbye(self) -> None:
        with contextlib.suppress(psycopg.Error):
            line = self._line or Severable(self._address.connect())
            with contextlib.closing(line), line.connection.transaction():
                leases.leave(PostgresSession(line.connection), self.id)

    def _work(self) -> None:
        """Trouble is told in ``trouble`` and never ends it."""
        due = elapsed() + self._beat_s
        while not self._stopping.is_set():
            try:
                self._asked_at = elapsed()
                connection = self._listening()
                if elapsed() >= due:
                    due = elapsed() + self._beat_s
                    self._renew_or_leave(connection)
                    self._hear()
                self.trouble = ""
                self._asked_at = None
                for other in self._calls(connection, due - elapsed()):
                    if not other:
                        self._look_after_the_dead(connection)
                    self._hear()
            except Exception as error:
                self._asked_at = None
                self._lose(error)
                due = elapsed()
                self._stopping.wait(_AFTER_TROUBLE_S)

    def _lose(self, error: Exception) -> None:
        """Whatever it was: without this thread the runner would lose its lease for good."""
        sentence = " ".join(str(error).split())[:300] or type(error).__name__
        if not isinstance(error, psycopg.Error):
            log.exception("the thread of the replica failed and continues")
        elif not self.trouble:
            log.error("the database does not respond", extra={"error": sentence})
        self.trouble = f"{self._address} does not answer: {sentence}"
        line, self._line = self._line, None
        if line is not None:
            line.close()
            self._lost()

    def _listening(self) -> Connection:
        if self._line is None:
            line = Severable(self._address.connect())
            if self._stopping.is_set():
                line.close()
                raise psycopg.OperationalError("the runner stops")
            self._line = line
            self._line.connection.execute("LISTEN chronos")
        return self._line.connection

    def _renew_or_leave(self, connection: Connection) -> None:
        loss = self._loss()
        if not loss and self._can_write and not (self._has_left and self._watch.is_failing):
            self._has_left = False
            self._beat(connection)
            self._look_after_the_dead(connection)
            return
        self._valid_until = 0.0
        if not self._has_left:
            reason = loss or f"nothing could be written for {self._watch.seconds:.0f} s"
            log.error("the lease is released: %s", reason)
            with connection.transaction():
                leases.leave(PostgresSession(connection), self.id)
            self._has_left = True

    def _beat(self, connection: Connection) -> None:
        """Renews the lease. One that ran out was a loss, and others need a while to renew theirs after an outage.

        Each statement commits itself: who freezes between two must not hold what it has not told anybody yet. A loss
        is noted before the next lease begins, for the answer that tells of that one may be lost.
        """
        before = elapsed()
        session = PostgresSession(connection)
        if not leases.renew(session, self.id, self._lease_s):
            self._valid_until = 0.0
            self.losses += 1
            self._held_since = before
            leases.enter(session, self.id, self._place, self._revision, self._lease_s, release=self._release)
        self._renewed_at = before
        self._valid_until = before + self._lease_s
        self._note(leases.others(session, self.id, None))
        self.look_at_releases(session)
        self._look_at_its_clock(session)

    def _note(self, others: Mapping[str, int | None]) -> None:
        """The other runners that are there, and the revisions that they have applied."""
        self._runners = sorted((self.id, *others))
        if (mine := self._revision) is not None:
            self.leads = all(other is None or other <= mine for other in others.values())

    def _look_at_its_clock(self, session: Session) -> None:
        if self._clock is not None:
            asked = elapsed()
            shown = instant(leases.now(session))
            answered = elapsed()
            self._clock.set(shown, answered, within=timedelta(seconds=answered - asked))

    def _look_after_the_dead(self, connection: Connection) -> None:
        is_settled = elapsed() - self._held_since >= self._lease_s
        with connection.transaction():
            leases.bound_leases(PostgresSession(connection), self._lease_s)
            taken = leases.take_over(PostgresSession(connection), self.id, orphans_only=not is_settled)
        if taken:
            log.warning("took over executions of other runners", extra={"executions": taken})

    def _calls(self, connection: Connection, seconds: float) -> set[str]:
        """Wait up to ``seconds`` for notifications of other replicas; returns the ids that they named."""
        assert self._wire is not None
        waiting = select.poll()  # select(2) knows no descriptor beyond 1023, and a runner may have many
        for place in (connection.fileno(), self._wire[0].fileno()):
            waiting.register(place, select.POLLIN)
        if connection.fileno() not in dict(waiting.poll(max(0.0, seconds) * 1000)):
            return set()
        return {notice.payload for notice in connection.notifies(timeout=0)} & {"", self.id}
