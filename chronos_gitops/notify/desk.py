"""What was told and what is still to be sent, on stable storage; shared by all runners that share the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from chronos_gitops.engine.sql import notes
from chronos_gitops.engine.sql.notes import Note, Place, Waiting, Written
from chronos_gitops.engine.sql.store import Store
from chronos_gitops.notify.incident import Watch
from chronos_gitops.notify.letter import Letter

MOST_WAITING: Final = 1000
"""Messages of one channel: about 8 MB of a channel that is away. What is still true is told when there is room."""
KEPT: Final = timedelta(days=3)
"""So long a message is tried; a closed incident is remembered as long."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a subject, and the note that it was read from; None where there is none yet."""

    watch: Watch
    note: Note | None = None


class Desk:
    """Safe from any thread. Raises StoreErrors while the database is away."""

    def __init__(self, store: Store, *, most: int = MOST_WAITING) -> None:
        self._store = store
        self._most = most

    @property
    def leads(self) -> bool:
        """Whether no other runner knows newer jobs."""
        return self._store.replica.leads

    @property
    def runner(self) -> str:
        return self._store.replica.id

    def is_there(self, runner: str) -> bool:
        return runner in self._store.read(self._store.replica.live)

    def open(self) -> dict[Place, Known]:
        """Every incident that lasts."""
        found = self._store.read(notes.open_notes)
        return {place: Known(Watch.read(note.document), note) for place, note in found.items()}

    def known(self, place: Place) -> Known:
        found = self._store.read(lambda session: notes.note(session, place))
        return Known(Watch()) if found is None else Known(Watch.read(found.document), found)

    def write(self, place: Place, before: Known, watch: Watch, letters: Sequence[Letter], *, at: datetime) -> Written:
        """Both or neither."""
        messages = [(letter.id, letter.document()) for letter in letters]
        return self._store.write(
            lambda session: notes.write(
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
        return self._store.read(lambda session: notes.waiting(session, channel))

    def take(self, channel: str, now: datetime, *, hold: timedelta) -> Waiting | None:
        """The message to send next, for this runner alone while it lives and ``hold`` lasts; None when none is due."""
        replica = self._store.replica
        message_id = self._store.read(lambda session: notes.due(session, channel, now, replica=replica))
        if message_id is None:
            return None
        taken: Waiting | None = self._store.write(
            lambda session: notes.take(session, message_id, now, now + hold, replica=replica)
        ).result()
        return taken

    def sent(self, message: Waiting) -> None:
        self._store.write(lambda session: notes.drop(session, message.id)).result()

    def postpone(self, message: Waiting, until: datetime, error: str) -> None:
        self._store.write(lambda session: notes.postpone(session, message.id, until, error)).result()

    def give_up(self, channel: str, message: Waiting) -> int:
        return self._store.write(lambda session: notes.give_up(session, (channel, message.subject))).result()

    def forget(self, now: datetime) -> None:
        self._store.write(lambda session: notes.forget(session, now - KEPT)).result()
