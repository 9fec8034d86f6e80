"""Shared wording of the renderings of a plan: operations, values, instants and sums."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from chronos_gitops.git.verification.verified_history import Vouch
from chronos_gitops.jobs.planning.calendar_changes import CalendarChange, ChangedRun
from chronos_gitops.jobs.planning.load_forecast import BusyMinute
from chronos_gitops.jobs.planning.plan import JobChange, Operation, Plan, Runs
from chronos_gitops.jobs.planning.zone_changes import ZoneChange
from chronos_gitops.jobs.validation.quoting import cut, printable
from chronos_gitops.plurals import plural, verb
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.schedule.zones import timezones as zones

_WHOLE_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ID_SHOWN = 12
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
VOUCHED = "Vouched for, if the commits that do so are signed"


@dataclass(frozen=True, slots=True)
class Sides:
    """The two sides of a comparison: the names given by the user, their commits (None for files on disk), and whether
    the second side is the result of merging it into the first. ``vouched``: the commits that its commits vouch for."""

    base: str = ""
    head: str = ""
    base_commit: str | None = None
    head_commit: str | None = None
    is_merged: bool = False
    vouched: tuple[Vouch, ...] = ()


NAMELESS = Sides()


def summary(plan: Plan) -> str:
    """``1 to add, 2 to change, 39 become invalid``; ``no changes`` for an empty plan."""
    invalid = len(plan.refusals.invalid)
    counted = [(plan.count(operation), verb) for operation, verb in _VERBS.items()]
    counted.append((invalid, "becomes invalid" if invalid == 1 else "become invalid"))
    return ", ".join(f"{number} {verb}" for number, verb in counted if number) or "no changes"


def by_environment(plan: Plan) -> list[tuple[str, Plan]]:
    """The plan of each environment after the words for where it is; the plan itself where none are declared."""
    return [(f"{one.name}: ", one.plan) for one in plan.environments] or [("", plan)]


def held(plan: Plan) -> str:
    """``12 deletions``; disablings where a layer disables some of the jobs."""
    removed = {change.job for change in plan.of(Operation.REMOVED)}
    words = "deletions" if removed.issuperset(plan.unsafe) else "deletions and disablings"
    return f"{len(plan.unsafe)} {words}"


def title(sides: Sides) -> str:
    return f"Plan {_short(sides.base)}..{_short(sides.head)}" if sides.base and sides.head else "Plan"


def _short(revision: str) -> str:
    """The beginning of a whole commit id, as CI gives it; any other name as it is."""
    return revision[:_ID_SHOWN] if _WHOLE_ID.fullmatch(revision) else revision


def _named(revision: str, commit: str) -> str:
    """``main (0123456789ab)``, or the id alone where it was named by that."""
    return _short(revision) if revision == commit else f"{revision} ({commit[:_ID_SHOWN]})"


def basis(sides: Sides) -> str:
    """The two trees that were compared, in one sentence; "" where they are not known."""
    if sides.base_commit is None:
        return ""
    base = _named(sides.base, sides.base_commit)
    head = sides.head if sides.head_commit is None else _named(sides.head, sides.head_commit)
    return f"What merging {head} into {base} gives." if sides.is_merged else f"{base} compared with {head}."


def vouched(vouch: Vouch) -> str:
    """One line, without an indent."""
    return f"{vouch.commit[:12]} by {vouch.author}, vouched for by {vouch.reviewer} in {vouch.vouched_in[:12]}"


def value(given: Any) -> str:
    """A field's value as JSON on one line; ``(none)`` where there is none."""
    text = "(none)" if given is None else printable(json.dumps(given, ensure_ascii=False))
    return cut(text, _LONGEST_VALUE)


def upcoming(runs: Runs | None) -> str:
    """``2026-01-01T07:00:00Z (Thu 02:00 EST), ...``; in UTC alone where that is the zone. ``?`` marks those later than
    the dates of a calendar are complete."""
    if runs is None or not runs.next:
        return "(never)"
    return ", ".join(_in_both(tick, runs.timezone) + (" ?" if runs.is_unknown(tick) else "") for tick in runs.next)


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
    """A sentence with the commit that the runner has applied; "" if no runner was asked."""
    if plan.live is None:
        return ""
    return f"The server runs {plan.live.applied[:12]}." if plan.live.applied else "The server has applied no commit."


def secret_lines(plan: Plan) -> list[str]:
    """``+ pay-key  charge headers.X-Key  https://api.example.com  jobs/charge.yaml``: uses added, then removed."""
    found = [("+", use) for use in plan.secrets.added] + [("-", use) for use in plan.secrets.removed]
    return [
        printable(f"{sign} {use.name}  {use.job} {use.field}  {use.origin or '-'}  {use.path}") for sign, use in found
    ]


_MOST_ENTRIES = 20


def calendar_lines(plan: Plan) -> list[str]:
    """``fr-holidays changed: 41 jobs; 3 scheduled times become closed, 1 open, 0 move in the next 366 days``, then the
    entries of its file that come and go, and the first of these times."""
    return [printable(line) for one in plan.calendars for line in _calendar(one)]


def _calendar(one: CalendarChange) -> Iterator[str]:
    jobs, closed = plural(one.jobs, "job"), plural(one.closed, "scheduled time")
    becomes, moves = verb(one.closed, "becomes", "become"), verb(one.moved, "moves", "move")
    counts = f"{closed} {becomes} closed, {one.opened} open, {one.moved} {moves}"
    yield f"{one.name} {one.operation.value}: {jobs}; {counts} in the next 366 days"
    entries = [f"  + {text}" for text in one.entries_added] + [f"  - {text}" for text in one.entries_removed]
    yield from entries[:_MOST_ENTRIES]
    if len(entries) > _MOST_ENTRIES:
        yield f"  and {len(entries) - _MOST_ENTRIES} more"
    yield from map(_changed_run, one.runs)
    if one.more > 0:
        yield f"  and {plural(one.more, 'more scheduled time')}"


def _changed_run(run: ChangedRun) -> str:
    tick, unknown = run.tick, " ?" if run.is_unknown else ""
    entry = None if tick.closure is None else tick.closure.entry
    why = "" if entry is None else f" ({entry.reason or entry.text})"
    moved = "" if tick.target is None else f" to {rfc3339(tick.target)}"
    past = "; moves-into-the-past: its earlier day has passed" if tick.is_past else ""
    return f"  {tick.change.value} {rfc3339(tick.time)}{moved}{unknown}  {run.job}{why}{past}"


def zone_lines(plan: Plan, *, show_all: bool = False) -> list[str]:
    """``2026f installed, 2027a given: 2 jobs run at other times in the next 366 days``, then each of them."""
    change = plan.zone_data
    if change is None:
        return []
    jobs = plural(len(change.jobs), "job") if change.jobs else "no job"
    runs = verb(max(1, len(change.jobs)), "runs", "run")
    most = len(change.jobs) if show_all else _MOST_ENTRIES
    lines = [f"{change.installed} installed, {change.given} given: {jobs} {runs} at other times in the next 366 days"]
    lines += [line for one in change.jobs[:most] for line in _zone_change(one)]
    if len(change.jobs) > most:
        lines.append(f"  and {plural(len(change.jobs) - most, 'more job')}; --all shows them")
    return [printable(line) for line in lines]


def _zone_change(one: ZoneChange) -> Iterator[str]:
    if one.error:
        yield f"  {one.job}  {one.timezone}: {one.error}"
        return
    gone = f"{plural(one.gone, 'run')} {verb(one.gone, 'goes', 'go')}"
    yield f"  {one.job}  {one.timezone}: {gone}, {one.come:,} {verb(one.come, 'comes', 'come')}"
    for words, ticks in (("before", one.before), ("after ", one.after)):
        yield f"    {words} {', '.join(map(rfc3339, ticks)) or 'none'}"


def number(given: float) -> str:
    return f"{given:,.2f}".rstrip("0").rstrip(".")
