"""One bulk call as one transaction: every job of it, or none."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.model import Pause, Trigger
from chronos_gitops.engine.operations import bulk
from chronos_gitops.engine.operations.bulk import BulkAction, BulkCall, BulkItem, BulkOutcome
from chronos_gitops.engine.sql.claiming import pending_writes, watermarks
from chronos_gitops.engine.sql.claiming.claims import Claim, Claimed, ClaimOutcome
from chronos_gitops.engine.sql.claiming.clock_correction import take_back
from chronos_gitops.engine.sql.claiming.pending_writes import CommittedWrites, PendingWrites
from chronos_gitops.engine.sql.store import calendar_rows, ledger, queries
from chronos_gitops.engine.sql.store.store import Replica, Session
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Performed:
    """``pauses`` are those of all jobs afterwards."""

    items: tuple[BulkItem, ...]
    pauses: Mapping[str, Pause]
    written: CommittedWrites


def recorded(session: Session, call_id: str) -> tuple[BulkCall, tuple[BulkItem, ...]] | None:
    """The call that came first under this id, and its answer."""
    row = session.execute(queries.BULK_CALL, {"id": call_id}).fetchone()
    if row is None:
        return None
    return BulkCall.read(json.loads(row["document"])), tuple(map(_item, json.loads(row["items"])))


class BulkOperation:
    """A call with all that is decided before its transaction, which may run twice."""

    def __init__(self, call: BulkCall, jobs: JobSet, now: datetime, replica: Replica) -> None:
        known = tuple(name for name in call.jobs if jobs.get(name) is not None)
        self._call = replace(call, jobs=known)
        self._jobs = jobs
        self._now = milliseconds.whole(now)
        self._replica = replica
        self._ids = {name: str(uuid.uuid4()) for name in known} if call.action is BulkAction.TRIGGER else {}

    def __call__(self, session: Session) -> Performed:
        known = recorded(session, self._call.id)
        if known is not None:
            return Performed(known[1], ledger.pauses(session), CommittedWrites([], [], {}))
        perform = {
            BulkAction.PAUSE: self._pause,
            BulkAction.RESUME: self._resume,
            BulkAction.TRIGGER: self._trigger,
        }
        items, written = perform[self._call.action](session)
        self._remember(session, items)
        return Performed(items, ledger.pauses(session), written)

    def _pause(self, session: Session) -> tuple[tuple[BulkItem, ...], CommittedWrites]:
        marks = watermarks.hold_several(session, self._call.jobs)
        before, items = ledger.pauses(session), list[BulkItem]()
        decision = PendingWrites(calendars=self._jobs.calendars)
        for job in self._call.jobs:
            held = before.get(job)
            after = bulk.paused(held, replace(self._call.pause, job=job))
            items.append(bulk.pause_item(job, held, after))
            if after is not held:
                ledger.set_pause(session, after)
            if held is None:
                decision.close_held(self._jobs.get(job), marks.get(job), self._now)
        self._replica.tell(session)
        return tuple(items), decision.write(session, self._replica, marks, self._now)

    def _resume(self, session: Session) -> tuple[tuple[BulkItem, ...], CommittedWrites]:
        held = watermarks.hold_several(session, self._call.jobs)
        held, correction = take_back(session, held, self._now, self._replica.namespace)
        contents = calendar_rows.contents_of(session, pending_writes.foreign_timings(held, self._jobs))
        before, items, decision = ledger.pauses(session), [], PendingWrites()
        for job in self._call.jobs:
            pause = before.get(job)
            after = bulk.left_by(pause, self._call.bulk, self._now)
            items.append(bulk.resume_item(job, pause, after))
            if pause is None or after is pause:
                continue
            ledger.end_pause(session, job, self._now)
            if after is not None:
                ledger.set_pause(session, after)
            else:
                pending_writes.on_resume(self._jobs, job, held.get(job), pause, self._now, contents, decision)
        self._replica.tell(session)
        written = decision.write(session, self._replica, held, self._now)
        return tuple(items), replace(written, correction=correction)

    def _trigger(self, session: Session) -> tuple[tuple[BulkItem, ...], CommittedWrites]:
        for job in sorted(self._call.jobs):
            self._replica.hold(session, job)
        watermarks.hold_several(session, self._call.jobs)
        decision = PendingWrites(claims=[self._claim(job) for job in self._call.jobs])
        written = decision.write(session, self._replica, {}, self._now)
        return tuple(map(_triggered, written.claimed)), written

    def _claim(self, job: str) -> Claim:
        definition, key = self._jobs.definitions[job], self._call.request_key
        return Claim(definition, None, Trigger.MANUAL, self._ids[job], self._now, request_key=key)

    def _remember(self, session: Session, items: tuple[BulkItem, ...]) -> None:
        if self._call.fingerprint is None:
            return
        remembered = {
            "id": self._call.id,
            "at": milliseconds.to_ms(self._now),
            "document": json.dumps(self._call.document()),
            "items": json.dumps([_document(item) for item in items]),
        }
        session.execute(queries.ADD_BULK_CALL, remembered)


def _triggered(claimed: Claimed) -> BulkItem:
    outcome = BulkOutcome.SKIPPED if claimed.verdict is ClaimOutcome.SKIPPED else BulkOutcome.TRIGGERED
    return BulkItem(claimed.execution.job, outcome, execution=claimed.execution.id)


def _document(item: BulkItem) -> dict[str, object]:
    return asdict(item) | {"until": milliseconds.maybe_ms(item.until)}


def _item(document: Mapping[str, object]) -> BulkItem:
    until = document["until"]
    values = {
        "outcome": BulkOutcome(str(document["outcome"])),
        "until": milliseconds.maybe_instant(until if isinstance(until, int) else None),
    }
    return BulkItem(**{**document, **values})  # type: ignore[arg-type]  # what _document has written
