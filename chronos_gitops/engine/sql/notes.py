"""What notifications keep in the ledger: each function is one operation on a session, inside a transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from chronos_gitops.engine.sql import rows
from chronos_gitops.engine.sql.store import Replica, Session

_FARTHEST: Final = timedelta(hours=1)
Place = tuple[str, str]
"""A channel, and what a message of it is about."""


@dataclass(frozen=True, slots=True)
class Note:
    """``number`` counts how often it was written."""

    number: int
    document: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that was not sent yet. ``attempts`` were made so far, the one that it was taken for included."""

    id: str
    subject: str
    document: str
    created_at: datetime
    attempts: int


class Written(StrEnum):
    """``RACED``: another runner wrote first; ``FULL``: too many messages of the channel wait, nothing was written."""

    DONE = "done"
    RACED = "raced"
    FULL = "full"


def open_notes(session: Session) -> dict[Place, Note]:
    """Of all incidents that last."""
    found = session.execute(_OPEN).fetchall()
    return {(row["channel"], row["subject"]): Note(row["number"], row["document"]) for row in found}


def note(session: Session, place: Place) -> Note | None:
    row = session.execute(_NOTE, _of(place)).fetchone()
    return None if row is None else Note(row["number"], row["document"])


def write(
    session: Session,
    place: Place,
    document: str,
    *,
    after: Note | None,
    is_open: bool,
    messages: Sequence[tuple[str, str]] = (),
    most: int = 0,
    at: datetime,
) -> Written:
    """The note in the place of the one that was read, and messages (id, document) in the order in which they are to be
    sent: all of it or nothing. At most ``most`` messages of a channel wait."""
    now = rows.to_ms(at)
    if messages and waiting(session, place[0]) + len(messages) > most:
        return Written.FULL
    parameters = _of(place) | {"document": document, "is_open": int(is_open), "at": now}
    if after is None:
        is_mine = session.execute(_ADD_NOTE, parameters).rowcount == 1
    else:
        is_mine = session.execute(_SET_NOTE, parameters | {"number": after.number}).rowcount == 1
    if not is_mine:
        return Written.RACED
    for step, (message_id, content) in enumerate(messages):
        message = _of(place) | {"id": message_id, "document": content, "created_at": now + step, "at": now}
        session.execute(_ADD_MESSAGE, message)
    return Written.DONE


def waiting(session: Session, channel: str) -> int:
    row = session.execute(_COUNT, {"channel": channel}).fetchone()
    return 0 if row is None else int(row["messages"])


def due(session: Session, channel: str, now: datetime, *, replica: Replica) -> str | None:
    """The id of the message to send next: of each subject the oldest only, and first what was tried least. What a
    runner was sending that is gone by now is due at once."""
    row = session.execute(_NEXT, {"channel": channel} | _holds(session, now, replica)).fetchone()
    return None if row is None else str(row["id"])


def take(session: Session, message_id: str, now: datetime, until: datetime, *, replica: Replica) -> Waiting | None:
    """For whoever comes first, and nobody else before ``until`` while this runner lives."""
    parameters = {"id": message_id, "until": rows.to_ms(until), "owner": replica.id} | _holds(session, now, replica)
    for row in session.execute(_TAKE, parameters).fetchall():
        return Waiting(row["id"], row["subject"], row["document"], rows.instant(row["created_at"]), row["attempts"])
    return None


def drop(session: Session, message_id: str) -> None:
    """It was sent."""
    session.execute(_DROP, {"id": message_id})


def postpone(session: Session, message_id: str, until: datetime, error: str) -> None:
    session.execute(_POSTPONE, {"id": message_id, "until": rows.to_ms(until), "error": error})


def give_up(session: Session, place: Place) -> int:
    """Drops all that waits of the subject, for a recovery that was never told to have failed is no news; how many."""
    return session.execute(_GIVE_UP, _of(place)).rowcount


def forget(session: Session, before: datetime) -> None:
    """What ended before, and messages of channels that nobody serves any more."""
    at = {"at": rows.to_ms(before)}
    session.execute(_FORGET_NOTES, at)
    session.execute(_FORGET_MESSAGES, at)


def _holds(session: Session, now: datetime, replica: Replica) -> dict[str, object]:
    """Nothing is postponed as far as ``far``, so the clock was ahead when that was."""
    live = sorted(replica.live(session))
    return {"now": rows.to_ms(now), "far": rows.to_ms(now + _FARTHEST), "live": live}


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

# An older message of the same subject goes first: nobody is told of a recovery before the failure.
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
