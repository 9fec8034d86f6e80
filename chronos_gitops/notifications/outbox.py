"""The outbox of notifications in the ledger: each function is one operation on a session, in a transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.sql.store.store import Replica, Session, Store
from chronos_gitops.notifications.incidents import Watch
from chronos_gitops.notifications.message import Notification
from chronos_gitops.process.lazy_dataclass import dataclass

_FARTHEST: Final = timedelta(hours=1)
Place = tuple[str, str]
"""A channel, and what a message of it is about."""


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """``number`` counts how often it was written."""

    number: int
    document: str


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message that was not sent yet. ``attempts`` were made so far, the one that it was taken for included."""

    id: str
    subject: str
    document: str
    created_at: datetime
    attempts: int


class WriteResult(StrEnum):
    """``RACED``: another runner wrote first; ``FULL``: too many messages of the channel wait, nothing was written."""

    DONE = "done"
    RACED = "raced"
    FULL = "full"


def open_notes(session: Session) -> dict[Place, IncidentRow]:
    """Of all incidents that last."""
    found = session.execute(_OPEN).fetchall()
    return {(row["channel"], row["subject"]): IncidentRow(row["number"], row["document"]) for row in found}


def note(session: Session, place: Place) -> IncidentRow | None:
    row = session.execute(_NOTE, _of(place)).fetchone()
    return None if row is None else IncidentRow(row["number"], row["document"])


def write(
    session: Session,
    place: Place,
    document: str,
    *,
    after: IncidentRow | None,
    is_open: bool,
    messages: Sequence[tuple[str, str]] = (),
    most: int = 0,
    at: datetime,
) -> WriteResult:
    """The note in the place of the one that was read, and messages (id, document) in the order in which they are to be
    sent: all of it or nothing. At most ``most`` messages of a channel wait."""
    now = milliseconds.to_ms(at)
    if messages and waiting(session, place[0]) + len(messages) > most:
        return WriteResult.FULL
    parameters = _of(place) | {"document": document, "is_open": int(is_open), "at": now}
    if after is None:
        is_mine = session.execute(_ADD_NOTE, parameters).rowcount == 1
    else:
        is_mine = session.execute(_SET_NOTE, parameters | {"number": after.number}).rowcount == 1
    if not is_mine:
        return WriteResult.RACED
    for step, (message_id, content) in enumerate(messages):
        message = _of(place) | {"id": message_id, "document": content, "created_at": now + step, "at": now}
        session.execute(_ADD_MESSAGE, message)
    return WriteResult.DONE


def waiting(session: Session, channel: str) -> int:
    row = session.execute(_COUNT, {"channel": channel}).fetchone()
    return 0 if row is None else int(row["messages"])


def due(session: Session, channel: str, now: datetime, *, replica: Replica) -> str | None:
    """The id of the message to send next: of each subject the oldest only, and first what was tried least. What a
    runner was sending that is gone by now is due at once."""
    row = session.execute(_NEXT, {"channel": channel} | _holds(session, now, replica)).fetchone()
    return None if row is None else str(row["id"])


def take(
    session: Session, message_id: str, now: datetime, until: datetime, *, replica: Replica
) -> QueuedMessage | None:
    """For the runner that comes first, and for no other before ``until`` while it lives."""
    parameters = {"id": message_id, "until": milliseconds.to_ms(until), "owner": replica.id} | _holds(
        session, now, replica
    )
    for row in session.execute(_TAKE, parameters).fetchall():
        return QueuedMessage(
            row["id"], row["subject"], row["document"], milliseconds.instant(row["created_at"]), row["attempts"]
        )
    return None


def drop(session: Session, message_id: str) -> None:
    """It was sent."""
    session.execute(_DROP, {"id": message_id})


def postpone(session: Session, message_id: str, until: datetime, error: str) -> None:
    session.execute(_POSTPONE, {"id": message_id, "until": milliseconds.to_ms(until), "error": error})


def give_up(session: Session, place: Place) -> int:
    """Drops all that waits of the subject, for a recovery that was never told to have failed is no news; how many."""
    return session.execute(_GIVE_UP, _of(place)).rowcount


def forget(session: Session, before: datetime) -> None:
    """Delete incidents that ended before the instant, and messages of channels that no longer exist."""
    at = {"at": milliseconds.to_ms(before)}
    session.execute(_FORGET_NOTES, at)
    session.execute(_FORGET_MESSAGES, at)


def _holds(session: Session, now: datetime, replica: Replica) -> dict[str, object]:
    """Nothing is postponed as far as ``far``, so the clock was ahead when that was."""
    live = sorted(replica.live(session))
    return {"now": milliseconds.to_ms(now), "far": milliseconds.to_ms(now + _FARTHEST), "live": live}


def _of(place: Place) -> dict[str, object]:
    return {"channel": place[0], "subject": place[1]}


_OPEN = "SELECT channel, subject, number, document FROM notify_watches WHERE is_open = 1"

_NOTE = "SELECT number, document FROM notify_watches WHERE channel = :channel AND subject = :subject"

_ADD_NOTE = """
INSERT INTO notify_watches (channel, subject, number, document, is_open, changed_at)
VALUES (:channel, :subject, 1, :document, :is_open, :at) ON CONFLICT DO NOTHING
"""

_SET_NOTE = """
UPDATE notify_watches SET number = number + 1, document = :document, is_open = :is_open, changed_at = :at
WHERE channel = :channel AND subject = :subject AND number = :number
"""

_ADD_MESSAGE = """
INSERT INTO notify_messages (id, channel, subject, document, created_at, due_at)
VALUES (:id, :channel, :subject, :document, :created_at, :at) ON CONFLICT DO NOTHING
"""

_COUNT = "SELECT count(*) AS messages FROM notify_messages WHERE channel = :channel"

# An older message of the same subject goes first: a recovery is never announced before its failure.
_NEXT = """
SELECT id FROM notify_messages AS message
WHERE channel = :channel AND (due_at <= :now OR due_at > :far OR NOT owner IN (:live[])) AND NOT EXISTS (
    SELECT 1 FROM notify_messages AS older WHERE older.channel = message.channel
    AND older.subject = message.subject AND older.created_at < message.created_at
) ORDER BY attempts, created_at, id LIMIT 1
"""

_TAKE = """
UPDATE notify_messages SET due_at = :until, owner = :owner, attempts = attempts + 1
WHERE id = :id AND (due_at <= :now OR due_at > :far OR NOT owner IN (:live[]))
RETURNING id, subject, document, created_at, attempts
"""

_DROP = "DELETE FROM notify_messages WHERE id = :id"

_POSTPONE = "UPDATE notify_messages SET due_at = :until, owner = NULL, error = :error WHERE id = :id"

_GIVE_UP = "DELETE FROM notify_messages WHERE channel = :channel AND subject = :subject"

_FORGET_NOTES = "DELETE FROM notify_watches WHERE is_open = 0 AND changed_at < :at AND subject <> ''"

_FORGET_MESSAGES = "DELETE FROM notify_messages WHERE created_at < :at"


MOST_WAITING: Final = 1000
"""Messages of one channel: about 8 MB of a channel that is away. What is still true is told when there is room."""
KEPT: Final = timedelta(days=3)
"""So long a message is tried; a closed incident is remembered as long."""


@dataclass(frozen=True, slots=True)
class Known:
    """State of a subject, and the row that it was read from; None when there is none yet."""

    watch: Watch
    note: IncidentRow | None = None


class NotificationOutbox:
    """Safe from any thread. Raises StoreErrors while the database is away."""

    def __init__(self, store: Store, *, most: int = MOST_WAITING) -> None:
        self._store = store
        self._most = most

    @property
    def leads(self) -> bool:
        """True if no other runner knows newer jobs."""
        return self._store.replica.leads

    @property
    def runner(self) -> str:
        return self._store.replica.id

    def is_there(self, runner: str) -> bool:
        return runner in self._store.read(self._store.replica.live)

    def open(self) -> dict[Place, Known]:
        """Every incident that lasts."""
        found = self._store.read(open_notes)
        return {place: Known(Watch.read(note.document), note) for place, note in found.items()}

    def known(self, place: Place) -> Known:
        found = self._store.read(lambda session: note(session, place))
        return Known(Watch()) if found is None else Known(Watch.read(found.document), found)

    def write(
        self, place: Place, before: Known, watch: Watch, letters: Sequence[Notification], *, at: datetime
    ) -> WriteResult:
        """Both or neither."""
        messages = [(letter.id, letter.document()) for letter in letters]
        return self._store.write(
            lambda session: write(
                session,
                place,
                watch.document(),
                after=before.note,
                is_open=watch.incident is not None,
                messages=messages,
                most=self._most,
                at=at,
            )
        ).result()

    def served_since(self, channel: str, now: datetime) -> datetime:
        """When the channel was seen first, by any runner."""
        place = (channel, "")
        known = self.known(place)
        if known.note is None:
            self.write(place, known, Watch((now, "")), (), at=now)
            known = self.known(place)
        return now if known.watch.mark is None else known.watch.mark[0]

    def waiting(self, channel: str) -> int:
        return self._store.read(lambda session: waiting(session, channel))

    def take(self, channel: str, now: datetime, *, hold: timedelta) -> QueuedMessage | None:
        """The message to send next, for this runner alone while it lives and ``hold`` lasts; None when none is due."""
        replica = self._store.replica
        message_id = self._store.read(lambda session: due(session, channel, now, replica=replica))
        if message_id is None:
            return None
        taken: QueuedMessage | None = self._store.write(
            lambda session: take(session, message_id, now, now + hold, replica=replica)
        ).result()
        return taken

    def sent(self, message: QueuedMessage) -> None:
        self._store.write(lambda session: drop(session, message.id)).result()

    def postpone(self, message: QueuedMessage, until: datetime, error: str) -> None:
        self._store.write(lambda session: postpone(session, message.id, until, error)).result()

    def give_up(self, channel: str, message: QueuedMessage) -> int:
        return self._store.write(lambda session: give_up(session, (channel, message.subject))).result()

    def forget(self, now: datetime) -> None:
        self._store.write(lambda session: forget(session, now - KEPT)).result()
