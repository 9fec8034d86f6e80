"""One notification for each version that the guard has stopped."""

from datetime import datetime

from chronos_gitops.expectations import other_changes
from chronos_gitops.expectations.guard_watch import GuardRecord
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.notifications import incidents
from chronos_gitops.notifications.detection.detector import DetectorInputs, concerns
from chronos_gitops.notifications.detection.job_notices import JobNotices
from chronos_gitops.notifications.incidents import IncidentChange, IncidentRule
from chronos_gitops.notifications.message import Notification
from chronos_gitops.notifications.messages.guard import of_guard
from chronos_gitops.notifications.outbox import WriteResult


class GuardNotices(JobNotices):
    """Told of a stopped version at each look; says it once on each channel, over restarts and replicas."""

    def stopped(self, definition: JobVersion, record: GuardRecord, now: datetime) -> None:
        if self._world is None:
            return
        inputs, desk = self._world
        for channel in self._channels:
            place = (channel.name, f"guard:{definition.job.name}")
            known = desk.known(place)
            name = f"{record.digest}@{record.at}"
            if not concerns(channel, definition) or known.watch.faults == (name,):
                continue
            folded = incidents.judge(
                known.watch, (name,), place="\n".join(place), rule=IncidentRule(reminder=None), now=now
            )
            letters = [_notification(inputs, change, definition, record, now) for change in folded.messages]
            if desk.write(place, known, folded.watch, letters, at=now) is WriteResult.DONE and letters:
                self._on_news()


def _notification(
    inputs: DetectorInputs, change: IncidentChange, definition: JobVersion, record: GuardRecord, now: datetime
) -> Notification:
    failures = [inputs.engine.execution(one).execution for one in record.failures]
    good = None if record.good is None else inputs.engine.execution(record.good).execution
    others = other_changes.compared(inputs.engine, good, failures[-1])
    past = inputs.past_of(definition, good, failures[-1], others=others)
    return of_guard(change, definition.job, record, failures, past, inputs.public_url, now)
