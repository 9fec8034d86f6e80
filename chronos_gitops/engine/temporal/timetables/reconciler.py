"""JobSet to timetables, idempotently: several runners may do it at once, and exactly one of them makes each change."""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from chronos_gitops.engine.milliseconds import to_ms
from chronos_gitops.engine.temporal import names, updates
from chronos_gitops.engine.temporal.timetables.revision_order import Ancestry, Place, RevisionOrder
from chronos_gitops.engine.temporal.visibility import search_attributes
from chronos_gitops.engine.temporal.visibility.visibility import Visibility
from chronos_gitops.engine.temporal.workflows.messages import Applied, TimetableState
from chronos_gitops.engine.ticks.embedded_calendars import embed
from chronos_gitops.jobs.calendar_set import NO_CALENDARS, CalendarSet
from chronos_gitops.jobs.job_set import diff, naming
from chronos_gitops.jobs.model import JobSet, JobVersion

_AT_ONCE = 20


class Reconciler:
    """A change is one update of one timetable; when nothing changed, all of it is one list of digests."""

    def __init__(self, client: Client, visibility: Visibility, ancestry: Ancestry) -> None:
        self._client = client
        self._order = RevisionOrder(client, ancestry)
        self._visibility = visibility
        self._said: dict[str, str] = {}
        self._jobs = JobSet()
        self._wanted: dict[str, Applied] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def apply(self, jobs: JobSet) -> list[str]:
        """Makes the timetables those of this JobSet; what it does not name ends. The jobs that were changed."""
        await self._order.note(jobs.revision)
        wanted = self._wants(jobs)
        known = await self._visibility.digests()
        changed = [applied for name, applied in wanted.items() if self._differs(name, applied, known)]
        gone = [name for name in {**self._said, **known} if name not in wanted and not self._is_gone(name, known)]
        await asyncio.gather(*map(self.give, changed), *map(self._remove, gone))
        return [*(_name(applied) for applied in changed), *gone]

    async def check(self, jobs: JobSet) -> list[str]:
        """Mends what a runner behind this one has changed, and what an operator has ended; a runner that is behind
        itself changes nothing. The jobs that were changed."""
        place = await self._order.place(jobs.revision)
        if place is Place.BEHIND:
            return []
        if place is Place.AHEAD:
            return await self.apply(jobs)
        known = await self._visibility.digests()
        stale = [applied for name, applied in self._wants(jobs).items() if known.get(name) != applied.digest]
        await asyncio.gather(*map(self.give, stale))
        return list(map(_name, stale))

    def _wants(self, jobs: JobSet) -> dict[str, Applied]:
        """By name; only what differs from the last JobSet is made anew."""
        changes = diff(self._jobs, jobs)
        removed = set(changes.removed)
        kept = {name: one for name, one in self._wanted.items() if name not in removed}
        edited = (
            *changes.added,
            *changes.changed,
            *changes.retimed,
            *(one.job.name for one in naming(changes.calendars, jobs)),
        )
        made = {name: applied(jobs.definitions[name], jobs.calendars, jobs.revision) for name in dict.fromkeys(edited)}
        self._jobs, self._wanted = jobs, kept | made
        return self._wanted

    async def give_again(self, definition: JobVersion) -> None:
        """A job whose timetable was ended from outside."""
        await self.give(applied(definition, self._jobs.calendars, self._jobs.revision))

    async def give(self, applied: Applied) -> bool:
        """True if it was news to the timetable, which is started when there is none."""
        async with self._slots:
            was_news = await updates.send_with_start(
                self._client, lambda: _start(_name(applied)), names.APPLY, applied, result_type=bool
            )
        self._said[_name(applied)] = applied.digest
        return was_news

    async def _remove(self, name: str) -> None:
        async with self._slots:
            handle = self._client.get_workflow_handle(names.timetable_id(name))
            with contextlib.suppress(updates.Ended):
                await updates.send(handle, names.REMOVE, result_type=bool)
        self._said[name] = search_attributes.REMOVED_STATUS

    def _differs(self, name: str, applied: Applied, known: Mapping[str, str]) -> bool:
        """Visibility lags a little; what this runner said last is known for certain."""
        return known.get(name) != applied.digest or self._said.get(name, applied.digest) != applied.digest

    def _is_gone(self, name: str, known: Mapping[str, str]) -> bool:
        said = self._said.get(name)
        return search_attributes.REMOVED_STATUS in (said, known.get(name)) and said in (
            None,
            search_attributes.REMOVED_STATUS,
        )


def applied(definition: JobVersion, calendars: CalendarSet = NO_CALENDARS, revision: str | None = None) -> Applied:
    """The digest covers the job and where it stands in git, for both are written into rows."""
    document = definition.job.document()
    place = [document, definition.version, definition.commit, definition.path, *(["draft"] * definition.runs_draft)]
    embedded = embed(definition.job, calendars)
    place += [] if embedded is None else [embedded]
    canonical = json.dumps(place, sort_keys=True, separators=(",", ":"))
    changed_at = 0 if definition.updated_at is None else to_ms(definition.updated_at)
    digest = f"{changed_at}.{hashlib.sha256(canonical.encode()).hexdigest()[:32]}"
    place_in_git = definition.version, definition.commit, definition.path
    return Applied(document, digest, *place_in_git, draft=definition.runs_draft, calendars=embedded, revision=revision)


def _start(name: str) -> WithStartWorkflowOperation[Any, Any]:
    return WithStartWorkflowOperation(
        names.TIMETABLE,
        TimetableState(job=name),
        id=names.timetable_id(name),
        task_queue=names.TIMETABLES,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        search_attributes=search_attributes.of_timetable(name, "", search_attributes.DISABLED_STATUS),
    )


def _name(applied: Applied) -> str:
    name: str = applied.document["name"]
    return name
