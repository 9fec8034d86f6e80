"""What the renderings of a plan have in common: the words for operations, values, instants and sums."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chronos_gitops.jobs.planning.load_forecast import BusyMinute
from chronos_gitops.jobs.planning.plan import JobChange, Operation, Plan, Runs
from chronos_gitops.jobs.validation.quoting import printable
from chronos_gitops.schedule import timezones as zones
from chronos_gitops.schedule.timestamps import rfc3339

SIGNS = {
    Operation.ADDED: "+",
    Operation.CHANGED: "~",
    Operation.MOVED: ">",
    Operation.REMOVED: "-",
    Operation.FORMATTING: "=",
}
_VERBS = {
    Operation.ADDED: "to add",
    Operation.CHANGED: "to change",
    Operation.MOVED: "to move",
    Operation.REMOVED: "to remove",
    Operation.FORMATTING: "formatting only",
}
_LONGEST_VALUE = 100


@dataclass(frozen=True, slots=True)
class Sides:
    """What was compared: the names that were asked for, the commits they are (None for files on disk), and whether
    the second side is the result of merging it into the first."""

    base: str = ""
    head: str = ""
    base_commit: str | None = None
    head_commit: str | None = None
    is_merged: bool = False


NAMELESS = Sides()


def summary(plan: Plan) -> str:
    """``1 to add, 2 to change``; ``no changes`` for an empty plan."""
    counted = ((len(plan.of(operation)), verb) for operation, verb in _VERBS.items())
    return ", ".join(f"{number} {verb}" for number, verb in counted if number) or "no changes"


def title(sides: Sides) -> str:
    return f"Plan {sides.base}..{sides.head}" if sides.base and sides.head else "Plan"


def basis(sides: Sides) -> str:
    """Which two trees were compared, in one sentence; "" when nobody said."""
    if sides.base_commit is None:
        return ""
    base = f"{sides.base} ({sides.base_commit[:12]})"
    head = sides.head if sides.head_commit is None else f"{sides.head} ({sides.head_commit[:12]})"
    return f"What merging {head} into {base} gives." if sides.is_merged else f"{base} compared with {head}."


def value(given: Any) -> str:
    """A field's value as JSON on one line; ``(none)`` where there is none."""
    text = "(none)" if given is None else printable(json.dumps(given, ensure_ascii=False))
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def upcoming(runs: Runs | None) -> str:
    """``2026-01-01T07:00:00Z (Thu 02:00 EST), ...``; in UTC alone where that is the zone."""
    if runs is None or not runs.next:
        return "(never)"
    return ", ".join(_in_both(tick, runs.timezone) for tick in runs.next)


def _in_both(tick: datetime, timezone: str) -> str:
    if timezone == "UTC":
        return rfc3339(tick)
    there = tick.astimezone(zones.load(timezone))
    clock = there.strftime("%H:%M:%S" if there.second else "%H:%M")
    return f"{rfc3339(tick)} ({there:%a} {clock} {there:%Z})"


def per_day(runs: Runs | None) -> str:
    return number(0 if runs is None else runs.per_day)


def factor(change: JobChange) -> str:
    """`` (x24)`` for a job that runs 24 times as often as before; "" where it runs as often, or did not run at all."""
    before, after = (0.0 if runs is None else runs.per_day for runs in (change.runs_before, change.runs_after))
    return "" if not before or not after or before == after else f" (x{after / before:.3g})"


def peak(found: BusyMinute | None) -> str:
    if found is None:
        return "none"
    return f"{found.runs:,} at {found.minute.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def server(plan: Plan) -> str:
    """What the runner that was asked has applied; "" when none was."""
    if plan.live is None:
        return ""
    return f"The server runs {plan.live.applied[:12]}." if plan.live.applied else "The server has applied no commit."


def number(given: float) -> str:
    return f"{given:,.2f}".rstrip("0").rstrip(".")
