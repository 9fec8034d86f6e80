"""A plan for people at a terminal."""

from collections.abc import Iterator

from chronos_gitops.jobs.planning.plan import JobChange, Operation, Plan
from chronos_gitops.jobs.validation.quoting import printable
from chronos_gitops.plans import backtests, layers, wording

_COLOURS = {Operation.ADDED: "32", Operation.CHANGED: "33", Operation.REMOVED: "31"}


def render(plan: Plan, sides: wording.Sides = wording.NAMELESS, *, colour: bool = False, show_all: bool = False) -> str:
    said = "".join(f"{line}\n" for line in (wording.basis(sides), wording.server(plan)) if line)
    blocks = [
        f"{wording.title(sides)}: {wording.summary(plan)}\n{said}",
        "".join(f"{line}\n" for line in layers.environment_lines(plan)),
    ]
    blocks += [_layer(block) for block in layers.blocks(plan, show_all=show_all)]
    blocks += [_layer(block) for block in layers.refusal_blocks(plan, show_all=show_all)]
    shown = (change for change in plan.changes if not layers.is_folded(change))
    blocks += ["".join(f"{line}\n" for line in _change(change, colour)) for change in shown]
    blocks += [f"{line}\n" for line in [backtests.limits_of(plan)] if line]
    blocks += _loads(plan)
    if plan.calendars:
        blocks.append("Calendars:\n" + "".join(f"  {line}\n" for line in wording.calendar_lines(plan)))
    if plan.zone_data:
        blocks.append("Time zones:\n" + "".join(f"  {line}\n" for line in wording.zone_lines(plan, show_all=show_all)))
    if plan.secrets:
        blocks.append("Secrets:\n" + "".join(f"  {line}\n" for line in wording.secret_lines(plan)))
    blocks += [_unsafe(where, one) for where, one in wording.by_environment(plan) if one.unsafe]
    if sides.vouched:
        blocks.append(f"{wording.VOUCHED}:\n" + "".join(f"  {wording.vouched(one)}\n" for one in sides.vouched))
    return "\n".join(filter(None, blocks))


def _layer(block: layers.LayerBlock) -> str:
    return "".join(f"{line}\n" for line in (*block.lines, *(f"      {line}" for line in block.details)))


def _loads(plan: Plan) -> Iterator[str]:
    for where, one in wording.by_environment(plan):
        if one.changes:
            before, after = one.runs_per_day()
            peaks = f"{wording.peak(one.peaks[0])} -> {wording.peak(one.peaks[1])}"
            yield (
                f"{where}Runs per day of these jobs: {wording.number(before)} -> {wording.number(after)}\n"
                f"{where}Runs in the busiest minute of the week, all jobs: {peaks}\n"
            )


def _unsafe(where: str, plan: Plan) -> str:
    return (
        f"{where}Unsafe: a runner holds these {wording.held(plan)} until they are approved.\n"
        f"  checksum {plan.checksum}\n"
        f"  or a commit with the trailer  Chronos-Allow-Deletes: {len(plan.unsafe)}\n"
    )


def _change(change: JobChange, colour: bool) -> Iterator[str]:
    sign = wording.SIGNS[change.operation]
    if colour and change.operation in _COLOURS:
        sign = f"\x1b[1;{_COLOURS[change.operation]}m{sign}\x1b[0m"
    yield f"  {sign} {change.job}  {_place(change)}{_where(change)}"
    if change.operation in (Operation.MOVED, Operation.FORMATTING):
        yield from _flags(change)
        return
    width = max((len(field.field) for field in change.fields), default=0)
    for field in change.fields:
        yield f"      {field.field.ljust(width)}  {wording.value(field.before)} -> {wording.value(field.after)}"
    yield from _runs(change)
    for line in backtests.lines(change):
        yield f"      {line}"
    yield from _flags(change)


def _where(change: JobChange) -> str:
    return "" if change.environments is None else f"  ({', '.join(change.environments)})"


def _flags(change: JobChange) -> Iterator[str]:
    for flag in change.flags:
        yield f"      ! {flag.kind}: {printable(flag.message)}"


def _place(change: JobChange) -> str:
    before, after = change.path_before, change.path_after
    return f"{before} -> {after}" if before and after and before != after else str(after or before)


def _runs(change: JobChange) -> Iterator[str]:
    before, after = change.runs_before, change.runs_after
    if before is None or after is None:
        yield f"      runs per day {wording.per_day(before or after)}"
        yield f"      next runs {wording.upcoming(before or after)}"
    elif before != after:
        yield f"      runs per day {wording.per_day(before)} -> {wording.per_day(after)}{wording.factor(change)}"
        yield f"      next runs before {wording.upcoming(before)}"
        yield f"      next runs after  {wording.upcoming(after)}"
    yield from _variables(change)


def _variables(change: JobChange) -> Iterator[str]:
    before, after = ({} if runs is None else dict(runs.variables) for runs in (change.runs_before, change.runs_after))
    for name, text in after.items():
        was = f"{printable(before[name])} -> " if name in before and before[name] != text else ""
        yield f"      {name} in the next run: {was}{printable(text)}"
