"""A plan for people at a terminal."""

from collections.abc import Iterator

from chronos_gitops.cli.reports.plans.wording import (
    NAMELESS,
    SIGNS,
    Sides,
    basis,
    factor,
    number,
    peak,
    per_day,
    server,
    summary,
    title,
    upcoming,
    value,
)
from chronos_gitops.jobs.planning.plan import JobChange, Operation, Plan
from chronos_gitops.jobs.validation.quoting import printable

_COLOURS = {Operation.ADDED: "32", Operation.CHANGED: "33", Operation.REMOVED: "31"}


def render(plan: Plan, sides: Sides = NAMELESS, *, colour: bool = False) -> str:
    said = "".join(f"{line}\n" for line in (basis(sides), server(plan)) if line)
    blocks = [f"{title(sides)}: {summary(plan)}\n{said}"]
    blocks += ["".join(f"{line}\n" for line in _change(change, colour)) for change in plan.changes]
    if plan.changes:
        before, after = plan.runs_per_day()
        blocks.append(
            f"Runs per day of these jobs: {number(before)} -> {number(after)}\n"
            f"Runs in the busiest minute of the week, all jobs: {peak(plan.peaks[0])} -> {peak(plan.peaks[1])}\n"
        )
    if plan.unsafe:
        blocks.append(
            f"Unsafe: a runner holds these {len(plan.unsafe)} deletions until they are approved.\n"
            f"  checksum {plan.checksum}\n"
            f"  or a commit with the trailer  Chronos-Allow-Deletes: {len(plan.unsafe)}\n"
        )
    return "\n".join(blocks)


def _change(change: JobChange, colour: bool) -> Iterator[str]:
    sign = SIGNS[change.operation]
    if colour and change.operation in _COLOURS:
        sign = f"\x1b[1;{_COLOURS[change.operation]}m{sign}\x1b[0m"
    yield f"  {sign} {change.job}  {_place(change)}"
    if change.operation in (Operation.MOVED, Operation.FORMATTING):
        yield from _flags(change)
        return
    width = max((len(field.field) for field in change.fields), default=0)
    for field in change.fields:
        yield f"      {field.field.ljust(width)}  {value(field.before)} -> {value(field.after)}"
    yield from _runs(change)
    yield from _flags(change)


def _flags(change: JobChange) -> Iterator[str]:
    for flag in change.flags:
        yield f"      ! {flag.kind}: {printable(flag.message)}"


def _place(change: JobChange) -> str:
    before, after = change.path_before, change.path_after
    return f"{before} -> {after}" if before and after and before != after else str(after or before)


def _runs(change: JobChange) -> Iterator[str]:
    before, after = change.runs_before, change.runs_after
    if before is None or after is None:
        yield f"      runs per day {per_day(before or after)}"
        yield f"      next runs {upcoming(before or after)}"
    elif before != after:
        yield f"      runs per day {per_day(before)} -> {per_day(after)}{factor(change)}"
        yield f"      next runs before {upcoming(before)}"
        yield f"      next runs after  {upcoming(after)}"
