"""Edited layers and environments of a plan in words: each value is said once, with the jobs that it reaches."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from chronos_gitops.jobs.planning.layers.layer_change import LayerChange, flags_of
from chronos_gitops.jobs.planning.plan import Cause, EnvironmentPlan, EnvironmentStatus, JobChange, Plan
from chronos_gitops.jobs.planning.refusals import InvalidJob, PolicyRefusal
from chronos_gitops.jobs.validation.quoting import printable
from chronos_gitops.plans import backtests
from chronos_gitops.plans.wording import number, value
from chronos_gitops.plurals import plural, verb
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.timestamps import rfc3339

MOST_NAMES: Final = 10
_REST: Final = "; --all shows them"


@dataclass(frozen=True, slots=True)
class LayerBlock:
    """Edited values that do the same to the same jobs: ``lines`` are one for each value."""

    lines: tuple[str, ...]
    details: tuple[str, ...]


def is_folded(change: JobChange) -> bool:
    """True if the lines of layers say all of it."""
    return change.cause is Cause.INHERITED and bool(change.inherited_from)


def blocks(plan: Plan, *, show_all: bool = False) -> Iterator[LayerBlock]:
    for _, alike in groupby(plan.layers, key=lambda change: (change.value.file, change.effects, change.overridden)):
        changes = list(alike)
        details = _details(changes[0], plan, show_all=show_all)
        yield LayerBlock(tuple(_line(change) for change in changes), tuple(details))


def refusal_blocks(plan: Plan, *, show_all: bool = False) -> Iterator[LayerBlock]:
    """``17 jobs would be refused by payments/owner``, then jobs whose error is at no edited value of a layer: of
    new or edited files, and the others."""
    most = _most(plan, show_all=show_all)
    said = {name for change in plan.layers for name in change.everywhere.invalid}
    for one in plan.refusals.policies:
        said.update(one.new)
        yield LayerBlock((_refused(one),), (_names(one.new, most),) if one.new else ())
    rest = [one for one in plan.refusals.invalid if one.job not in said]
    edited, others = ([one for one in rest if one.is_edited is is_edited] for is_edited in (True, False))
    if edited:
        files = plural(len(edited), "new or edited file")
        yield _invalid(f"{files} {verb(len(edited), 'is', 'are')} invalid", edited, most)
    if others:
        becomes = verb(len(others), "becomes", "become")
        edit = verb(len(others), "an edit of its file", "an edit of their files")
        yield _invalid(f"{_jobs(len(others))} {becomes} invalid without {edit}", others, most)


def _invalid(line: str, found: Sequence[InvalidJob], most: int) -> LayerBlock:
    shown = [f"! {one.job}: {printable(str(one.error))}" for one in found[:most]]
    more = [f"and {len(found) - most:,} more{_REST}"] if len(found) > most else []
    return LayerBlock((line,), (*shown, *more))


def _refused(one: PolicyRefusal) -> str:
    old = len(one.jobs) - len(one.new)
    line = f"{_jobs(len(one.jobs))} would be refused by {one.policy}"
    return f"{line}; {old:,} of them {'is' if old == 1 else 'are'} invalid already" if old else line


def environment_lines(plan: Plan) -> list[str]:
    """``environment staging is new: 214 jobs, 12 enabled, 96 runs a day``."""
    return [_environment(one) for one in plan.environments if one.status is not EnvironmentStatus.STAYS]


def _environment(one: EnvironmentPlan) -> str:
    if one.status is EnvironmentStatus.GONE:
        return f"environment {one.name} is gone: its runners stop following"
    runs = f"{number(one.per_day)} {verb(one.per_day, 'run', 'runs')} a day"
    return f"environment {one.name} is new: {_jobs(one.jobs)}, {one.enabled:,} enabled, {runs}"


def _line(change: LayerChange) -> str:
    one = change.value
    return f"{printable(one.file)}:{one.line}  {printable(one.field)} {_plain(one.before)} -> {_plain(one.after)}: " + (
        "; ".join(_counts(change))
    )


def _counts(change: LayerChange) -> Iterator[str]:
    effect = change.everywhere
    yield _changed(change)
    if effect.changed and not effect.moved_runs:
        yield "none runs at another time"
    for names, words, word in (
        (effect.moved_runs, "run at other times", "runs at other times"),
        (effect.enabled, "start to run", "starts to run"),
        (effect.disabled, "stop running", "stops running"),
        (effect.invalid, "become invalid and keep the version that runs", "becomes invalid and keeps its version"),
        (change.overridden, "set it themselves", "sets it itself"),
    ):
        if names:
            yield f"{len(names):,} {words if len(names) > 1 else word}"
    if effect.new_hosts:
        yield f"new host{'s' if len(effect.new_hosts) > 1 else ''} {', '.join(map(printable, effect.new_hosts))}"


def _changed(change: LayerChange) -> str:
    names = change.everywhere.changed
    if not names:
        return "no job changes"
    shares = ", ".join(f"{name} {len(effect.changed):,}" for name, effect in change.effects.items() if name is not None)
    return _jobs(len(names)) + (f" ({shares})" if shares else "")


def _details(change: LayerChange, plan: Plan, *, show_all: bool) -> Iterator[str]:
    effect = change.everywhere
    most = _most(plan, show_all=show_all)
    reached = [
        one for one in plan.changes if is_folded(one) and one.job in effect.changed and _is_in(one, change.effects)
    ]
    moved = [one for one in reached if change.value.is_about_time and one.moves_runs]
    if {one.job for one in moved} != set(effect.changed):
        yield _names(effect.changed, most)
    yield from _moves(moved, most)
    flagged: dict[tuple[str, str], list[str]] = {}
    for one in reached:
        for flag in flags_of(change.value, one):
            flagged.setdefault((flag.kind.value, flag.message), []).append(one.job)
    for (kind, message), names in flagged.items():
        yield f"! {kind}: {printable(message)}: {_names(list(dict.fromkeys(names)), most)}"
    tested = [one for one in reached if one.backtest is not None]
    for one in tested[:most]:
        for position, line in enumerate(backtests.lines(one)):
            yield f"    {line}" if position else f"{one.job}  {line}"
    if len(tested) > most:
        yield f"and {plural(len(tested) - most, 'backtest')} more{_REST}"
    if effect.invalid:
        yield f"! invalid: {_names(effect.invalid, most)}"


def _is_in(change: JobChange, effects: Mapping[str | None, Any]) -> bool:
    return change.environments is None or any(name in effects for name in change.environments)


def _moves(changes: Sequence[JobChange], most: int) -> Iterator[str]:
    for change in changes[:most]:
        assert change.runs_before is not None
        assert change.runs_after is not None
        before, after = rfc3339(change.runs_before.next[0]), rfc3339(change.runs_after.next[0])
        where = "" if change.environments is None else f" ({', '.join(change.environments)})"
        yield f"{change.job}  first run {before} -> {after}{where}"
    if len(changes) > most:
        yield f"and {len(changes) - most:,} more run at other times{_REST}"


def _most(plan: Plan, *, show_all: bool) -> int:
    """Maximum number of names printed in one list."""
    return max(MOST_NAMES, len(plan.changes), len(plan.refusals.invalid)) if show_all else MOST_NAMES


def _names(names: Sequence[str], most: int) -> str:
    shown = ", ".join(map(printable, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more{_REST}"


def _jobs(count: int) -> str:
    return plural(count, "job")


def _plain(given: Any) -> str:
    """A text without quotes, for a line that has no others."""
    shown = value(given)
    return printable(given) if isinstance(given, str) and len(shown) <= len(given) + 2 else shown
