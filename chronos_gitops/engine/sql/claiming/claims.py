"""Claims: what is due becomes rows, decided under the jobs' watermarks so that replicas never decide the same twice."""

import json
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.drafts import provenance_of
from chronos_gitops.engine.model import Execution, Reason, Status, Trigger, tick_execution_id
from chronos_gitops.engine.sql.store import queries, row_mapping
from chronos_gitops.engine.sql.store.store import Replica, Session, StoreError
from chronos_gitops.engine.ticks import overlap
from chronos_gitops.engine.ticks.overlap import Turn
from chronos_gitops.jobs.model import Concurrency, Job, JobVersion
from chronos_gitops.process.lazy_dataclass import dataclass

_INSTANT = timedelta(microseconds=1)


_Key = tuple[str, int | str]


@dataclass(frozen=True, slots=True)
class Claim:
    """One execution to record before it is sent. ``tick`` is None for a manual trigger, then ``id`` must be given; that
    of a tick is made when it is recorded."""

    definition: JobVersion
    tick: datetime | None
    trigger: Trigger
    id: str
    scheduled_time: datetime
    not_before: datetime | None = None
    request_key: str | None = None
    moved_from: datetime | None = None
    replay: str | None = None
    replay_of: str | None = None
    idempotency_key: str | None = None
    variables: Mapping[str, str] | None = None

    @classmethod
    def of_tick(
        cls,
        definition: JobVersion,
        tick: datetime,
        trigger: Trigger,
        not_before: datetime | None = None,
        moved_from: datetime | None = None,
    ) -> "Claim":
        return cls(definition, tick, trigger, "", tick, not_before, moved_from=moved_from)

    @property
    def key(self) -> "_Key":
        """The unique key of the claim. A scheduled time is its own key, because its row may have an id of an earlier
        release."""
        if self.tick is not None:
            return self.definition.job.name, milliseconds.to_ms(self.tick)
        return self.definition.job.name, self.request_key or self.id


class ClaimOutcome(StrEnum):
    RUN = "run"
    SKIPPED = "skipped"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class Claimed:
    """``KNOWN``: the ledger had this (job, tick) or request key before; ``execution`` is then what it holds.
    ``owner`` is who runs it, ``replaced`` are the executions of this runner that it takes the place of."""

    claim: Claim
    verdict: ClaimOutcome
    execution: Execution
    owner: str | None
    replaced: tuple[str, ...] = ()


def claim(
    session: Session, claims: Sequence[Claim], now: datetime, replica: Replica, *, room: int = sys.maxsize
) -> list[Claimed]:
    """Records all of one instant, with its overlap decisions, in the caller's one transaction.

    There is ``room`` for so many executions that may overlap others of their job; more are skipped.
    The caller holds the jobs' watermarks, or the jobs themselves (``Replica.hold``), so none decides beside it.
    """
    if not claims:
        return []
    decision = _ClaimBatch(_known(session, claims), _unfinished(session, claims), replica, now, room)
    if decision.busy:
        decision.live = replica.live(session)
        found = session.execute(queries.REPLAYING, {"jobs": list(decision.busy)}).fetchall()
        decision.replaying = {row["job"]: milliseconds.maybe_instant(row["item_ended"]) for row in found}
        is_item = ((job, one.trigger == Trigger.REPLAY) for job, owned in decision.busy.items() for one in owned)
        decision.items = frozenset(job for job, found in is_item if found)
    judged = [decision.on(each) for each in claims]
    # What was called back meanwhile, on another runner, has its end already and is replaced by nothing.
    ended = _replace(session, decision)
    claimed = [_replacing(each, ended) if each.replaced else each for each in judged]
    _write(session, decision, claims)
    for owner in decision.told - {replica.id}:
        replica.tell(session, owner)
    return claimed


def _replacing(claimed: Claimed, ended: Collection[str]) -> Claimed:
    return replace(claimed, replaced=tuple(one for one in claimed.replaced if one in ended))


class _Owned(NamedTuple):
    """An unfinished execution."""

    id: str
    owner: str | None
    trigger: str
    scheduled_time: datetime


@dataclass(slots=True)
class _ClaimBatch:
    """Outcomes of the claims of one transaction; each claim sees those before it."""

    known: dict[_Key, tuple[Execution, str | None]]
    busy: dict[str, list[_Owned]]
    replica: Replica
    now: datetime
    room: int
    live: frozenset[str] = frozenset()
    replaying: dict[str, datetime | None] = field(default_factory=dict)
    """Jobs with a replay under way, and when its newest item ended."""
    items: frozenset[str] = frozenset()
    added: list[dict[str, Any]] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    told: set[str] = field(default_factory=set)

    def on(self, claim: Claim) -> Claimed:
        job = claim.definition.job
        known = self.known.get(claim.key)
        if known is not None:
            return Claimed(claim, ClaimOutcome.KNOWN, known[0], known[1])
        busy = self.busy.get(job.name, [])
        waited = self._waited_behind_replay(claim, busy)
        turn = overlap.turn(job.concurrency, claim.trigger, len(busy), waited=waited)
        if turn is Turn.SKIP:
            return Claimed(claim, ClaimOutcome.SKIPPED, self._add(claim, Status.SKIPPED, Reason.OVERLAP, None), None)
        if job.concurrency is Concurrency.ALLOW and claim.trigger is Trigger.SCHEDULE:
            if self.room <= 0:
                return Claimed(
                    claim, ClaimOutcome.SKIPPED, self._add(claim, Status.SKIPPED, Reason.BACKLOG, None), None
                )
            self.room -= 1
        owner = self._owner(job, busy)
        ours: tuple[str, ...] = ()
        if turn is Turn.REPLACE:
            items = [each for each in busy if each.trigger == Trigger.REPLAY]
            ours = self._replace([each for each in busy if each not in items])
            busy = items
        execution = self._add(claim, Status.PENDING, None, owner)
        self.busy[job.name] = [*busy, _Owned(execution.id, owner, claim.trigger, claim.scheduled_time)]
        return Claimed(claim, ClaimOutcome.RUN, execution, owner, ours)

    def _waited_behind_replay(self, claim: Claim, busy: Sequence[_Owned]) -> timedelta | None:
        """None unless an item runs, or what has waited for one goes on."""
        job = claim.definition.job.name
        scheduled = [each.scheduled_time for each in busy if each.trigger == Trigger.SCHEDULE]
        item_ended = self.replaying.get(job)
        has_waited = item_ended is not None and any(due <= item_ended for due in scheduled)
        if job not in self.items and not (has_waited or (len(busy) > 1 and job in self.replaying)):
            return None
        return overlap.waited_behind_replay(claim.scheduled_time, scheduled)

    def _owner(self, job: Job, busy: Sequence[_Owned]) -> str:
        """All that is unfinished of one job belongs to one runner, which lets nothing of it run side by side."""
        if job.concurrency is Concurrency.ALLOW:
            return self.replica.id
        owner = next((each.owner for each in busy if each.owner in self.live), None) or self.replica.id
        self.told.add(owner)
        return owner

    def _replace(self, busy: Sequence[_Owned]) -> tuple[str, ...]:
        self.replaced += [each.id for each in busy]
        self.told |= {each.owner for each in busy if each.owner is not None}
        return tuple(each.id for each in busy if each.owner == self.replica.id)

    def _add(self, claim: Claim, status: Status, reason: Reason | None, owner: str | None) -> Execution:
        job = claim.definition.job
        execution = Execution(
            id=claim.id if claim.tick is None else tick_execution_id(self.replica.namespace, job.name, claim.tick),
            job=job.name,
            scheduled_time=claim.scheduled_time,
            trigger=claim.trigger,
            status=status,
            reason=reason,
            # A scheduled time that is claimed ahead is decided as of its instant.
            created_at=max(self.now, claim.scheduled_time) if claim.trigger is Trigger.SCHEDULE else self.now,
            completed_at=self.now if status.is_final else None,
            path=claim.definition.path,
            moved_from=claim.moved_from,
            replay=claim.replay,
            replay_of=claim.replay_of,
            idempotency_key=claim.idempotency_key,
            variables=claim.variables,
            **provenance_of(claim.definition),
        )
        extra = {
            "tick": milliseconds.maybe_ms(claim.tick),
            "request_key": claim.request_key,
            "next_attempt_at": milliseconds.maybe_ms(claim.not_before),
            "definition": job.digest,
            "owner": owner,
        }
        self.added.append(parameters(execution) | extra)
        return execution


def _known(session: Session, claims: Sequence[Claim]) -> dict[_Key, tuple[Execution, str | None]]:
    ticks = json.dumps([claim.key for claim in claims if claim.tick is not None])
    found = session.execute(queries.BY_TICKS, {"ticks": ticks}).fetchall() if ticks != "[]" else []
    known: dict[_Key, tuple[Execution, str | None]] = {
        (row["job"], row["tick"]): (row_mapping.execution(row), row["owner"]) for row in found
    }
    for claim in claims:
        if claim.tick is None:
            asked = {"job": claim.definition.job.name, "request_key": claim.request_key, "id": claim.id}
            row = session.execute(queries.BY_REQUEST_KEY_OR_ID, asked).fetchone()
            if row is not None:
                known[claim.key] = (row_mapping.execution(row), row["owner"])
    return known


def _unfinished(session: Session, claims: Sequence[Claim]) -> dict[str, list[_Owned]]:
    found: dict[str, list[_Owned]] = defaultdict(list)
    jobs = list({claim.definition.job.name for claim in claims})
    for row in session.execute(queries.UNFINISHED_OF_JOBS, {"jobs": jobs}).fetchall():
        due = milliseconds.instant(row["scheduled_at"])
        found[row["job"]].append(_Owned(row["id"], row["owner"], row["trigger_kind"], due))
    return dict(found)


def _replace(session: Session, decision: _ClaimBatch) -> set[str]:
    if not decision.replaced:
        return set()
    parameters = {"ids": decision.replaced, "at": milliseconds.to_ms(decision.now)}
    return {row["id"] for row in session.execute(queries.REPLACE_UNFINISHED, parameters).fetchall()}


def _write(session: Session, decision: _ClaimBatch, claims: Sequence[Claim]) -> None:
    if not decision.added:
        return
    add_definitions(session, [claim.definition.job for claim in claims])
    # What the unique key refuses was recorded by a runner that did not wait for the watermark.
    if session.executemany(queries.ADD_EXECUTION, decision.added) != len(decision.added):
        raise StoreError("another runner recorded the same ticks meanwhile", hint="the runner looks again by itself")


def add_definitions(session: Session, found: Iterable[Job]) -> None:
    jobs = {job.digest: job for job in found}
    have = session.execute(queries.DEFINITIONS, {"digests": list(jobs)}).fetchall()
    new = [jobs[digest] for digest in jobs.keys() - {row["digest"] for row in have}]
    if new:
        documents = [{"digest": job.digest, "document": json.dumps(job.document())} for job in new]
        session.executemany(queries.ADD_DEFINITION, documents)


def parameters(execution: Execution) -> dict[str, Any]:
    return {
        "id": execution.id,
        "job": execution.job,
        "scheduled_at": milliseconds.to_ms(execution.scheduled_time),
        "trigger_kind": execution.trigger.value,
        "status": execution.status.value,
        "reason": execution.reason,
        "created_at": milliseconds.maybe_ms(execution.created_at),
        "completed_at": milliseconds.maybe_ms(execution.completed_at),
        "version": execution.version,
        "commit_id": execution.commit,
        "draft": row_mapping.draft_base(execution),
        "path": execution.path,
        "ticks": execution.count,
        "range_start": milliseconds.maybe_ms(execution.range_start),
        "calendar": row_mapping.maybe_held_by(execution.calendar),
        "moved_to": milliseconds.maybe_ms(execution.moved_to),
        "moved_from": milliseconds.maybe_ms(execution.moved_from),
        "message": execution.message,
        "replay": execution.replay,
        "replay_of": execution.replay_of,
        "idempotency_key": execution.idempotency_key,
        "variables": None if execution.variables is None else json.dumps(dict(execution.variables)),
        "tick": None,
        "request_key": None,
        "next_attempt_at": None,
        "definition": None,
        "owner": None,
    }
