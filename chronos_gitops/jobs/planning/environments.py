"""The plans of several environments as one: what happens alike in some of them is said once. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from chronos_gitops.jobs.planning import calendar_changes, zone_changes
from chronos_gitops.jobs.planning.layers.layer_change import LayerChange
from chronos_gitops.jobs.planning.plan import EnvironmentPlan, JobChange, Plan
from chronos_gitops.jobs.planning.review_flags import RunnerState
from chronos_gitops.jobs.planning.secret_changes import SecretChanges


def combine(found: Sequence[EnvironmentPlan], layers: tuple[LayerChange, ...], live: RunnerState | None) -> Plan:
    """Checksums and loads stay with their environment."""
    plans = [one.plan for one in found]
    unsafe = sorted({name for plan in plans for name in plan.unsafe})
    secrets = SecretChanges(
        tuple(dict.fromkeys(use for plan in plans for use in plan.secrets.added)),
        tuple(dict.fromkeys(use for plan in plans for use in plan.secrets.removed)),
    )
    changes = tuple(_changes(found))
    calendars = calendar_changes.merged(change for one in found for change in one.plan.calendars)
    whole = Plan(changes, tuple(unsafe), live=live, secrets=secrets, layers=layers, environments=tuple(found))
    return replace(whole, calendars=calendars, zone_data=zone_changes.merged(plan.zone_data for plan in plans))


def _changes(found: Sequence[EnvironmentPlan]) -> Iterator[JobChange]:
    by_job: dict[str, list[tuple[JobChange, list[str]]]] = {}
    for one in found:
        for change in one.plan.changes:
            alike = by_job.setdefault(change.job, [])
            known = next((names for other, names in alike if other == change), None)
            if known is None:
                alike.append((change, [one.name]))
            else:
                known.append(one.name)
    for _, alike in sorted(by_job.items()):
        yield from (replace(change, environments=tuple(names)) for change, names in alike)
