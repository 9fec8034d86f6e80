"""A plan as the comment of a pull request: the sums at once, each job when it is unfolded."""

import re
from collections.abc import Iterator, Sequence

from chronos_gitops.jobs.planning.plan import JobChange, Operation, Plan
from chronos_gitops.jobs.validation.quoting import printable
from chronos_gitops.plans import backtests, layers, wording

MARKER = "<!-- chronos-gitops:plan -->"
"""Stands first, so that a workflow finds its own comment again and edits it in place."""
_MARKUP = re.compile(r"[&<>|`*_\[\]@#~\\$!\r\n]")
_LONGEST = 60_000  # GitHub refuses a comment of more than 65,536 characters


def render(plan: Plan, sides: wording.Sides = wording.NAMELESS, *, show_all: bool = False) -> str:
    parts = [MARKER, f"### {_text(wording.title(sides))}: {wording.summary(plan)}"]
    parts += ["\n".join(f"- {_text(line)}" for line in layers.environment_lines(plan))]
    parts += [_layer(block) for block in layers.blocks(plan, show_all=show_all)]
    parts += [_layer(block) for block in layers.refusal_blocks(plan, show_all=show_all)]
    shown = [change for change in plan.changes if not layers.is_folded(change)]
    if shown:
        parts.append(_table(plan, shown))
    parts += [_text(line) for line in [backtests.limits_of(plan)] if line]
    parts += _loads(plan)
    if plan.calendars:
        parts.append("Calendars:\n\n" + "\n".join(f"- {_code(line.strip())}" for line in wording.calendar_lines(plan)))
    if plan.zone_data:
        lines = wording.zone_lines(plan, show_all=show_all)
        parts.append("Time zones:\n\n" + "\n".join(f"- {_code(line.strip())}" for line in lines))
    if plan.secrets:
        parts.append("Secrets:\n\n" + "\n".join(f"- {_code(line)}" for line in wording.secret_lines(plan)))
    parts += [_unsafe(where, one) for where, one in wording.by_environment(plan) if one.unsafe]
    if sides.vouched:
        listed = "\n".join(f"> - {_text(wording.vouched(one))}" for one in sides.vouched)
        parts.append(f"> [!WARNING]\n> {wording.VOUCHED}:\n>\n{listed}")
    parts += [_text(line) for line in (wording.server(plan), wording.basis(sides)) if line]
    brief = (Operation.MOVED, Operation.FORMATTING)
    return _within_limit(list(filter(None, parts)), [_details(c) for c in shown if c.operation not in brief or c.flags])


def _layer(block: layers.LayerBlock) -> str:
    lines = [f"- {_text(line)}" for line in block.lines]
    if not block.details:
        return "\n".join(lines)
    details = "\n".join(f"- {_text(line)}" for line in block.details)
    return "\n".join([*lines, "", f"<details><summary>jobs</summary>\n\n{details}\n\n</details>"])


def _loads(plan: Plan) -> Iterator[str]:
    for where, one in wording.by_environment(plan):
        if one.changes:
            before, after = one.runs_per_day()
            runs = (
                f"{_text(where)}Runs per day of these jobs: **{wording.number(before)}** → **{wording.number(after)}**"
            )
            peaks = f"{wording.peak(one.peaks[0])} → {wording.peak(one.peaks[1])}"
            yield f"{runs}\\\n{_text(where)}Runs in the busiest minute of the week, all jobs: {peaks}"


def _unsafe(where: str, plan: Plan) -> str:
    trailer = f"`Chronos-Allow-Deletes: {len(plan.unsafe)}`"
    return (
        f"> [!WARNING]\n> {_text(where)}A runner holds these {wording.held(plan)} until they are approved:"
        f" `{plan.checksum}`, or a commit with the trailer {trailer}."
    )


def _within_limit(parts: list[str], details: list[str]) -> str:
    text = _cut("\n\n".join(parts), "\n\nThe list is too long for a comment; `chronos-gitops plan` shows all of it.")
    for number_shown, block in enumerate(details):
        if len(text) + len(block) > _LONGEST:
            return f"{text}\n\n{len(details) - number_shown} more; `chronos-gitops plan` shows them.\n"
        text += f"\n\n{block}"
    return text + "\n"


def _cut(text: str, ending: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return text[: text.rindex("\n", 0, _LONGEST - len(ending))] + ending


def _table(plan: Plan, shown: Sequence[JobChange]) -> str:
    rows = [
        f"| {wording.SIGNS[change.operation]} {change.operation.value} | {_code(change.job)} | {_place(change)}"
        f" | {wording.per_day(change.runs_before)} → {wording.per_day(change.runs_after)}{wording.factor(change)}"
        f" | {_kinds(change)} |"
        for change in shown
    ]
    if not plan.environments:
        return "\n".join(["| | job | file | runs per day | look at |", "|---|---|---|---|---|", *rows])
    rows = [f"{row} {_text(', '.join(one.environments or ()))} |" for row, one in zip(rows, shown, strict=True)]
    return "\n".join(["| | job | file | runs per day | look at | environments |", "|---|---|---|---|---|---|", *rows])


def _kinds(change: JobChange) -> str:
    return ", ".join(dict.fromkeys(flag.kind.value for flag in change.flags))


def _place(change: JobChange) -> str:
    before, after = change.path_before, change.path_after
    if before and after and before != after:
        return f"{_code(before)} → {_code(after)}"
    return _code(str(after or before))


def _details(change: JobChange) -> str:
    lines = [f"<details><summary>{_text(change.job)}</summary>", ""]
    if change.fields:
        lines += ["| field | before | after |", "|---|---|---|"]
        lines += [
            f"| {_code(f.field)} | {_code(wording.value(f.before))} | {_code(wording.value(f.after))} |"
            for f in change.fields
        ]
        lines.append("")
    if change.runs_before is not None:
        lines.append(f"- next runs before: {_text(wording.upcoming(change.runs_before))}")
    if change.runs_after is not None:
        lines.append(f"- next runs after: {_text(wording.upcoming(change.runs_after))}")
        lines += [f"- {name} in the next run: {_text(printable(text))}" for name, text in change.runs_after.variables]
    lines += [f"- {_text(line.strip())}" for line in backtests.lines(change)]
    lines += [f"- ⚠ {flag.kind}: {_text(printable(flag.message))}" for flag in change.flags]
    return "\n".join([*lines, "", "</details>"])


def _code(text: str) -> str:
    """In a table even code is cut at ``|``; HTML's own element takes every character."""
    return f"<code>{_text(text)}</code>"


def _text(text: str) -> str:
    """Every character that Markdown or HTML could read as more than itself, as an entity."""
    return _MARKUP.sub(lambda match: f"&#{ord(match.group())};", text)
