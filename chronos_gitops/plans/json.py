"""A plan for programs."""

import json
from dataclasses import asdict
from typing import Any

from chronos_gitops.jobs.planning.calendar_changes import CalendarChange, ChangedRun
from chronos_gitops.jobs.planning.layers.layer_change import LayerChange, LayerEffect
from chronos_gitops.jobs.planning.load_forecast import BusyMinute
from chronos_gitops.jobs.planning.plan import EnvironmentPlan, FieldChange, JobChange, Operation, Plan, Runs
from chronos_gitops.jobs.planning.refusals import PolicyRefusal
from chronos_gitops.jobs.planning.zone_changes import ZoneDataChange
from chronos_gitops.plans import backtests
from chronos_gitops.plans.wording import NAMELESS, Sides
from chronos_gitops.schedule.timestamps import rfc3339


def render(plan: Plan, sides: Sides = NAMELESS, *, show_all: bool = False) -> str:  # noqa: ARG001 - it shows all
    return json.dumps(document(plan, sides), indent=2, ensure_ascii=False) + "\n"


def document(plan: Plan, sides: Sides = NAMELESS) -> dict[str, Any]:
    load = dict.fromkeys(_load(plan)) if plan.environments else _load(plan)
    return {
        "base": sides.base or None,
        "head": sides.head or None,
        "base_commit": sides.base_commit,
        "head_commit": sides.head_commit,
        "merged": sides.is_merged,
        "summary": {operation.value: plan.count(operation) for operation in Operation} | {"unsafe": len(plan.unsafe)},
        **load,
        "by_environment": {one.name: _environment(one) for one in plan.environments} or None,
        "server": None if plan.live is None else {"applied": plan.live.applied},
        "unsafe": {"jobs": list(plan.unsafe), "checksum": plan.checksum},
        "invalid": [{"job": one.job, "error": str(one.error)} for one in plan.refusals.invalid],
        "refused": [_refused(one) for one in plan.refusals.policies],
        "secrets": {
            "added": [use._asdict() for use in plan.secrets.added],
            "removed": [use._asdict() for use in plan.secrets.removed],
        },
        "calendars": [_calendar(one) for one in plan.calendars],
        "tzdata": None if plan.zone_data is None else _zone_data(plan.zone_data),
        "vouched": [asdict(one) for one in sides.vouched],
        "layers": [_layer(change) for change in plan.layers],
        "changes": [_change(change) for change in plan.changes],
    }


def _load(plan: Plan) -> dict[str, Any]:
    before, after = plan.runs_per_day()
    peaks = [_peak(found) for found in plan.peaks]
    return {
        "runs_per_day": {"before": before, "after": after},
        "busiest_minute": {"before": peaks[0], "after": peaks[1]},
    }


def _refused(one: PolicyRefusal) -> dict[str, Any]:
    return {"policy": one.policy, "jobs": list(one.jobs), "new": list(one.new)}


def _calendar(one: CalendarChange) -> dict[str, Any]:
    return {
        "name": one.name,
        "change": one.operation.value,
        "jobs": one.jobs,
        "closed": one.closed,
        "opened": one.opened,
        "moved": one.moved,
        "entries_added": list(one.entries_added),
        "entries_removed": list(one.entries_removed),
        "runs": [_changed_run(run) for run in one.runs],
        "more": one.more,
    }


def _changed_run(run: ChangedRun) -> dict[str, Any]:
    tick = run.tick
    closure = tick.closure
    return {
        "change": tick.change.value,
        "time": rfc3339(tick.time),
        "job": run.job,
        "moved_to": None if tick.target is None else rfc3339(tick.target),
        "calendar": None if closure is None else closure.calendar,
        "reason": None if closure is None else closure.entry.reason or closure.entry.text,
        "unknown": run.is_unknown,
        "flags": ["moves-into-the-past"] if tick.is_past else [],
    }


def _zone_data(change: ZoneDataChange) -> dict[str, Any]:
    jobs = [
        asdict(one) | {side: [rfc3339(at) for at in getattr(one, side)] for side in ("before", "after")}
        for one in change.jobs
    ]
    return {"installed": change.installed, "given": change.given, "jobs": jobs}


def _environment(one: EnvironmentPlan) -> dict[str, Any]:
    return {
        "status": one.status.value,
        "jobs": one.jobs,
        "enabled": one.enabled,
        **_load(one.plan),
        "unsafe": {"jobs": list(one.plan.unsafe), "checksum": one.plan.checksum},
    }


def _layer(change: LayerChange) -> dict[str, Any]:
    one = change.value
    is_declared = None not in change.effects
    return {
        "file": one.file,
        "line": one.line,
        "field": one.field,
        "before": one.before,
        "after": one.after,
        "overridden": len(change.overridden),
        **_effect(change.everywhere),
        "environments": {name: _effect(found) for name, found in change.effects.items()} if is_declared else None,
    }


def _effect(effect: LayerEffect) -> dict[str, Any]:
    return {
        "changed": len(effect.changed),
        "moved_runs": len(effect.moved_runs),
        "enabled": len(effect.enabled),
        "disabled": len(effect.disabled),
        "invalid": len(effect.invalid),
        "new_hosts": list(effect.new_hosts),
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
        "environments": None if change.environments is None else list(change.environments),
        "cause": change.cause.value,
        "inherited_from": list(change.inherited_from),
        "backtest": backtests.document(change.backtest),
    }


def _runs(runs: Runs | None) -> dict[str, Any] | None:
    if runs is None:
        return None
    shown = {"timezone": runs.timezone, "next": [rfc3339(tick) for tick in runs.next], "per_day": runs.per_day}
    unknown = [rfc3339(tick) for tick in runs.next if runs.is_unknown(tick)]
    shown |= {"unknown": unknown} if unknown else {}
    return shown | ({"variables": dict(runs.variables)} if runs.variables else {})


def _peak(found: BusyMinute | None) -> dict[str, Any] | None:
    return None if found is None else {"minute": rfc3339(found.minute), "runs": found.runs}
