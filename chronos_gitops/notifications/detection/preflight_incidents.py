"""One incident for each job whose preflight failed, on each channel of the job."""

from datetime import datetime

from chronos_gitops.expectations.preflight.state import PreflightLook, PreflightState
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.notifications.detection.detector import DetectorInputs, concerns
from chronos_gitops.notifications.detection.job_notices import JobNotices
from chronos_gitops.notifications.detection.looked_incident import LookedIncident
from chronos_gitops.notifications.incidents import ChangeKind, IncidentChange
from chronos_gitops.notifications.message import Notification, Past
from chronos_gitops.notifications.messages.preflight import of_preflight


class PreflightIncidents(JobNotices):
    """Told of each look; raises StoreErrors, and then the job is looked at again."""

    def looked(self, look: PreflightLook, now: datetime) -> None:
        """Open or end the incident of a job's preflight. One that ends because the job is off is not announced."""
        if self._world is None:
            return
        inputs, desk = self._world
        for channel in self._channels:
            incident = LookedIncident.read(desk, channel, (channel.name, f"preflight:{look.job}"))
            definition = look.definition
            if look.state is PreflightState.OFF or definition is None or not concerns(channel, definition):
                incident.close(look.job, seen_at=look.failure.at, now=now)
            else:
                self._judge(inputs, incident, look, definition, now)

    def _judge(
        self,
        inputs: DetectorInputs,
        incident: LookedIncident,
        look: PreflightLook,
        definition: JobVersion,
        now: datetime,
    ) -> None:
        fault = look.failure.check.value if look.state is PreflightState.FAILING else ""
        update = incident.judge(fault, seen_at=look.failure.at, now=now)
        if update is not None and incident.write(
            update, lambda change: _notification(inputs, change, look, definition, now), now
        ):
            self._on_news()


def _notification(
    inputs: DetectorInputs, change: IncidentChange, look: PreflightLook, definition: JobVersion, now: datetime
) -> Notification:
    past = Past()
    if change.news is not ChangeKind.RECOVERED:
        past = inputs.past_of(definition, inputs.engine.last_success(definition.job.name, now), None)
    return of_preflight(change, definition.job, look.failure, past, inputs.public_url, now)
