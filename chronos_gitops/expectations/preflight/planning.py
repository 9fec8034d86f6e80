"""The jobs that a preflight looks at: those with a scheduled time in the window that the engine will claim."""

import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from chronos_gitops.engine.engine import Engine
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.webhooks.preflight.checks import PlannedJob

_INSTANT = timedelta(microseconds=1)
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://chronos-gitops.dev/preflight")
"""Of ids that stand for those of executions which do not exist yet."""


def planned(
    engine: Engine, definitions: Iterable[JobVersion], now: datetime, within: timedelta
) -> Iterator[PlannedJob]:
    """The engine says what a pause leaves, and a job's timing what calendars leave."""
    until = now + within
    for definition in definitions:
        name = definition.job.name
        first = next(iter(engine.next_runs(name, 1)), None)
        if first is not None and first <= until:
            last = definition.job.timing.latest(first - _INSTANT, until, 1)
            yield PlannedJob(
                definition,
                first,
                last[-1] if last else first,
                str(uuid.uuid5(_NAMESPACE, f"{name} {first.isoformat()}")),
            )
