"""Claims: what is due becomes rows, decided under the jobs' watermarks so that replicas never decide the same twice."""

import json
import sys
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from chronos_gitops.engine.due_queue import Missed, given_up
from chronos_gitops.engine.model import Execution, Reason, Status, Trigger, tick_execution_id
from chronos_gitops.engine.sql.store import queries, row_mapping
from chronos_gitops.engine.sql.store.store import Replica, Session, StoreError
from chronos_gitops.jobs.model import Concurrency, Job, JobVersion
from chronos_gitops.schedule.schedule import Schedule

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

    @classmethod
    def of_tick(
        cls, definition: JobVersion, tick: datetime, trigger: Trigger, not_before: datetime | None = None
    ) -> "Claim":
        return cls(definition, tick, trigger, "", tick, not_before)

    def recorded_in(self, namespace: uuid.UUID) -> "Claim":
        """With its id."""
        if self.tick is None:
            return self
        return replace(self, id=tick_execution_id(namespace, self.definition.job.name, self.tick))

    @property
    def key(self) -> "_Key":
        """What is unique of it: a tick is known by itself, for its row may have an id of an earlier release."""
        if self.tick is not None:
            return self.definition.job.name, row_mapping.to_ms(self.tick)
        return self.definition.job.name, self.request_key or self.id


@dataclass(frozen=True, slots=True)
class Skip:
    """Missed ticks of this schedule that become one skipped row."""

    definition: JobVersion
    missed: Missed
    schedule: Schedule


class Verdict(StrEnum):
    RUN = "run"
    SKIPPED = "skipped"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class Claimed:
    """``KNOWN``: the ledger had this (job, tick) or request key before; ``execution`` is then what it holds.
    ``owner`` is who runs it, ``replaced`` are the executions of this runner that it takes the place of."""

    claim: Claim
    verdict: Verdict
    execution: Execution
    owner: str | None
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Watermark:
    """Every tick of the job up to ``at`` is accounted for, under this schedule and zone."""

    job: str
    schedule: str
    timezone: str
    at: datetime

    @classmethod
    def of(cls, job: Job, at: datetime) -> "Watermark":
        """Whole milliseconds, as the ledger keeps it: what was written and what is read later must be equal."""
        return cls(job.name, job.schedule.text, job.timezone, row_mapping.whole(at))

    def matches_schedule(self, job: Job) -> bool:
        return (self.schedule, self.timezone) == (job.schedule.text, job.timezone)


def hold_due(session: Session, jobs: Sequence[str], limit: int) -> dict[str, Watermark]:
    """Takes the right to decide over these jobs until the transaction ends; leaves out those that another replica
    decides over just now, and those that have no watermark."""
    found = session.execute(queries.HOLD_DUE, {"jobs": list(jobs), "limit": limit})
    return _by_job(found.fetchall())


def hold(session: Session, job: str) -> Watermark | None:
    """Waits for the right to decide over one job."""
    row = session.execute(queries.HOLD_ONE, {"job": job}).fetchone()
    return None if row is None else _watermark(row)


def hold_all(session: Session) -> dict[str, Watermark]:
    return _by_job(session.execute(queries.HOLD_ALL).fetchall())


def marked(session: Session, jobs: Sequence[str]) -> set[str]:
    """Which of these jobs have a watermark, whoever decides over it just now."""
    found = session.execute(queries.MARKED, {"jobs": list(jobs)}).fetchall()
    return {row["job"] for row in found}


def set_watermarks(session: Session, marks: Iterable[Watermark]) -> None:
    parameters = [
        {"job": m.job, "schedule": m.schedule, "timezone": m.timezone, "watermark": row_mapping.to_ms(m.at)}
        for m in marks
    ]
    if parameters:
        session.executemany(queries.SET_WATERMARK, parameters)


def drop_watermarks(session: Session, jobs: Sequence[str]) -> None:
    if jobs:
        session.execute(queries.DROP_WATERMARKS, {"jobs": list(jobs)})


def _by_job(found: Iterable[row_mapping.Row]) -> dict[str, Watermark]:
    return {mark.job: mark for mark in map(_watermark, found)}


def _watermark(row: row_mapping.Row) -> Watermark:
    """Its texts are those that the job has already: 10,000 copies of them are 2 MB."""
    words = sys.intern(row["job"]), sys.intern(row["schedule"]), sys.intern(row["timezone"])
    return Watermark(*words, row_mapping.instant(row["watermark"]))


def skip(session: Session, skips: Sequence[Skip], now: datetime, replica: Replica) -> list[Execution]:
    """Records what will not run, so that every due tick ends in a row."""
    found = [_skipped(each, now, replica.namespace) for each in _unrecorded(session, skips)]
    if found:
        parameters = [
            _parameters(execution) | {"tick": row_mapping.to_ms(execution.scheduled_time)} for execution in found
        ]
        session.executemany(queries.ADD_EXECUTION, parameters)
    return found


def _unrecorded(session: Session, skips: Sequence[Skip]) -> list[Skip]:
    """Without the ticks that have rows: none has, unless a watermark was taken back."""
    jobs = [skip.definition.job.name for skip in skips]
    found = session.execute(queries.NEWEST_TICKS, {"jobs": jobs}).fetchall() if jobs else []
    newest = {row["job"]: row["tick"] for row in found if row["tick"] is not None}
    rest: list[Skip] = []
    for each in skips:
        if newest.get(each.definition.job.name, -1) < row_mapping.to_ms(each.missed.first):
            rest.append(each)
        else:
            rest += _between_recorded(session, each)
    return rest


def _between_recorded(session: Session, skip: Skip) -> list[Skip]:
    missed = skip.missed
    asked = {
        "job": skip.definition.job.name,
        "first": row_mapping.to_ms(missed.first),
        "last": row_mapping.to_ms(missed.last),
    }
    recorded = [row_mapping.instant(row["tick"]) for row in session.execute(queries.TICKS_RECORDED, asked).fetchall()]
    edges = [missed.first - _INSTANT, *recorded]
    ends = [*(tick - _INSTANT for tick in recorded), missed.last]
    gaps = (given_up(skip.schedule, since, until) for since, until in zip(edges, ends, strict=True))
    return [replace(skip, missed=gap) for gap in gaps if gap is not None]


def _skipped(skip: Skip, now: datetime, namespace: uuid.UUID) -> Execution:
    missed = skip.missed
    return Execution(
        id=tick_execution_id(namespace, skip.definition.job.name, missed.last),
        job=skip.definition.job.name,
        scheduled_time=missed.last,
        trigger=Trigger.SCHEDULE,
        status=Status.SKIPPED,
        reason=Reason.MISSED,
        created_at=now,
        completed_at=now,
        version=skip.definition.version,
        commit=skip.definition.commit,
        path=skip.definition.path,
        count=missed.count,
        range_start=missed.first,
    )


def claim(
    session: Session, claims: Sequence[Claim], now: datetime, replica: Replica, *, room: int = sys.maxsize
) -> list[Claimed]:
    """Records all of one instant, with its overlap decisions, in the caller's one transaction.

    There is ``room`` for so many executions that may overlap others of their job; more are skipped.
    The caller holds the jobs' watermarks, or the jobs themselves (``Replica.hold``), so nobody decides beside it.
    """
    if not claims:
        return []
    claims = [one.recorded_in(replica.namespace) for one in claims]
    decision = _Decision(_known(session, claims), _unfinished(session, claims), replica, now, room)
    if decision.busy:
        decision.live = replica.live(session)
    judged = [decision.on(each) for each in claims]
    # What was called back meanwhile, on another runner, has its end already and is replaced by nothing.
    ended = _replace(session, decision)
    claimed = [replace(each, replaced=tuple(one for one in each.replaced if one in ended)) for each in judged]
    _write(session, decision, claims)
    for owner in decision.told - {replica.id}:
        replica.tell(session, owner)
    return claimed


class _Owned(NamedTuple):
    id: str
    owner: str | None


@dataclass(slots=True)
class _Decision:
    """What becomes of the claims of one transaction; later ones see what earlier ones added."""

    known: dict[_Key, tuple[Execution, str | None]]
    busy: dict[str, list[_Owned]]
    replica: Replica
    now: datetime
    room: int
    live: frozenset[str] = frozenset()
    added: list[dict[str, Any]] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    told: set[str] = field(default_factory=set)

    def on(self, claim: Claim) -> Claimed:
        job = claim.definition.job
        known = self.known.get(claim.key)
        if known is not None:
            return Claimed(claim, Verdict.KNOWN, known[0], known[1])
        busy = self.busy.get(job.name, [])
        # Missed ticks that are caught up wait their turn instead: they are owed, so an overlap must not swallow them.
        waits_its_turn = claim.trigger is Trigger.CATCHUP
        if busy and job.concurrency is Concurrency.FORBID and not waits_its_turn:
            return Claimed(claim, Verdict.SKIPPED, self._add(claim, Status.SKIPPED, Reason.OVERLAP, None), None)
        if job.concurrency is Concurrency.ALLOW and claim.trigger is Trigger.SCHEDULE:
            if self.room <= 0:
                return Claimed(claim, Verdict.SKIPPED, self._add(claim, Status.SKIPPED, Reason.BACKLOG, None), None)
            self.room -= 1
        owner = self._owner(job, busy)
        ours: tuple[str, ...] = ()
        if busy and job.concurrency is Concurrency.REPLACE and not waits_its_turn:
            ours = self._replace(busy)
            busy = []
        execution = self._add(claim, Status.PENDING, None, owner)
        self.busy[job.name] = [*busy, _Owned(execution.id, owner)]
        return Claimed(claim, Verdict.RUN, execution, owner, ours)

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
        execution = Execution(
            id=claim.id,
            job=claim.definition.job.name,
            scheduled_time=claim.scheduled_time,
            trigger=claim.trigger,
            status=status,
            reason=reason,
            created_at=self.now,
            completed_at=self.now if status.is_final else None,
            version=claim.definition.version,
            commit=claim.definition.commit,
            path=claim.definition.path,
        )
        extra = {
            "tick": row_mapping.maybe_ms(claim.tick),
            "request_key": claim.request_key,
            "next_attempt_at": row_mapping.maybe_ms(claim.not_before),
            "definition": claim.definition.job.digest,
            "owner": owner,
        }
        self.added.append(_parameters(execution) | extra)
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
        found[row["job"]].append(_Owned(row["id"], row["owner"]))
    return dict(found)


def _replace(session: Session, decision: _Decision) -> set[str]:
    if not decision.replaced:
        return set()
    parameters = {"ids": decision.replaced, "at": row_mapping.to_ms(decision.now)}
    return {row["id"] for row in session.execute(queries.REPLACE_UNFINISHED, parameters).fetchall()}


def _write(session: Session, decision: _Decision, claims: Sequence[Claim]) -> None:
    if not decision.added:
        return
    jobs = {claim.definition.job.digest: claim.definition.job for claim in claims}
    have = session.execute(queries.DEFINITIONS, {"digests": list(jobs)}).fetchall()
    new = [jobs[digest] for digest in jobs.keys() - {row["digest"] for row in have}]
    if new:
        documents = [{"digest": job.digest, "document": json.dumps(job.document())} for job in new]
        session.executemany(queries.ADD_DEFINITION, documents)
    # The unique key has the last word: what it refuses was recorded by somebody who did not wait for the watermark.
    if session.executemany(queries.ADD_EXECUTION, decision.added) != len(decision.added):
        raise StoreError("somebody else recorded the same ticks meanwhile", hint="the runner looks again by itself")


def _parameters(execution: Execution) -> dict[str, Any]:
    return {
        "id": execution.id,
        "job": execution.job,
        "scheduled_at": row_mapping.to_ms(execution.scheduled_time),
        "trigger_kind": execution.trigger.value,
        "status": execution.status.value,
        "reason": execution.reason,
        "created_at": row_mapping.maybe_ms(execution.created_at),
        "completed_at": row_mapping.maybe_ms(execution.completed_at),
        "version": execution.version,
        "commit_id": execution.commit,
        "path": execution.path,
        "ticks": execution.count,
        "range_start": row_mapping.maybe_ms(execution.range_start),
        "tick": None,
        "request_key": None,
        "next_attempt_at": None,
        "definition": None,
        "owner": None,
    }
