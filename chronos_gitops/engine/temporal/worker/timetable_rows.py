"""The rows of what a timetable decides, by the job as it was applied and the files that its calendars stand in."""

import uuid
from datetime import datetime

from chronos_gitops.engine.drafts import provenance
from chronos_gitops.engine.milliseconds import instant
from chronos_gitops.engine.model import Execution, HeldBy, Trigger
from chronos_gitops.engine.temporal.workflows.messages import Applied
from chronos_gitops.engine.ticks import tick_rows
from chronos_gitops.engine.ticks.due_queue import Missed
from chronos_gitops.engine.ticks.embedded_calendars import files_of
from chronos_gitops.engine.ticks.owed_ticks import held_by
from chronos_gitops.jobs.calendar_set import CalendarSet
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.closures import Closure
from chronos_gitops.schedule.calendars.steps import HeldTicks


@dataclass(frozen=True)
class TimetableRows:
    """``applied`` is the job whose rows they are; of an edit, ``later`` and ``earlier`` have the calendars after and
    before it."""

    applied: Applied
    now: int
    namespace: uuid.UUID
    later: Applied | None = None
    earlier: Applied | None = None

    def due(self, tick: datetime, trigger: Trigger) -> Execution:
        applied = self.applied
        return tick_rows.due(
            applied.document["name"],
            tick,
            trigger,
            path=applied.path,
            provenance=provenance(applied.version, applied.commit, draft=applied.draft),
            now=instant(self.now),
            namespace=self.namespace,
        )

    def held(self, ticks: HeldTicks) -> Execution:
        return tick_rows.held(self.due(ticks.last, Trigger.SCHEDULE), ticks, self._held_by(ticks.closure))

    def missed(self, ticks: Missed, closure: Closure | None = None) -> Execution:
        """``closure`` had closed the instant at which they might have been caught up."""
        return tick_rows.missed(self.due(ticks.last, Trigger.SCHEDULE), ticks, self._held_by(closure))

    def _held_by(self, closure: Closure | None) -> HeldBy | None:
        return None if closure is None else held_by(closure, _files(self.later or self.applied), _files(self.earlier))


def _files(applied: Applied | None) -> CalendarSet:
    return files_of(None if applied is None else applied.calendars)
