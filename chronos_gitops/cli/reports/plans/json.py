"""A plan for programs."""

import json
from typing import Any

from chronos_gitops.cli.reports.plans.wording import NAMELESS, Sides
from chronos_gitops.jobs.planning.load_forecast import BusyMinute
from chronos_gitops.jobs.planning.plan import FieldChange, JobChange, Operation, Plan, Runs
from chronos_gitops.schedule.timestamps import rfc3339


def render(plan: Plan, sides: Sides = NAMELESS) -> str:
    return json.dumps(document(plan, sides), indent=2, ensure_ascii=False) + "\n"


def document(plan: Plan, sides: Sides = NAMELESS) -> dict[str, Any]:
    before, after = plan.runs_per_day()
    peaks = [_peak(found) for found in plan.peaks]
    return {
        "base": sides.base or None,
        "head": sides.head or None,
        "base_commit": sides.base_commit,
        "head_commit": sides.head_commit,
        "merged": sides.is_merged,
        "summary": {operation.value: len(plan.of(operation)) for operation in Operation} | {"unsafe": len(plan.unsafe)},
        "runs_per_day": {"before": before, "after": after},
        "busiest_minute": {"before": peaks[0], "after": peaks[1]},
        "server": None if plan.live is None else {"applied": plan.live.applied},
        "unsafe": {"jobs": list(plan.unsafe), "checksum": plan.checksum},
        "changes": [_change(change) for change in plan.changes],
    }


def field(change: FieldChange) -> dict[str, Any]:
    return {"field": change.field, "before": change.before, "after": change.after}


def _change(change: JobChange) -> dict[str, Any]:
    return {
        "job": change.job,
        "operation": change.operation.value,
        "path_before": change.path_before,
        "path_after": change.path_after,
        "fields": [field(one) for one in change.fields],
        "runs_before": _runs(change.runs_before),
        "runs_after": _runs(change.runs_after),
        "flags": [{"kind": flag.kind.value, "message": flag.message} for flag in change.flags],
    }


def _runs(runs: Runs | None) -> dict[str, Any] | None:
    if runs is None:
        return None
    return {"timezone": runs.timezone, "next": [rfc3339(tick) for tick in runs.next], "per_day": runs.per_day}


def _peak(found: BusyMinute | None) -> dict[str, Any] | None:
    return None if found is None else {"minute": rfc3339(found.minute), "runs": found.runs}
