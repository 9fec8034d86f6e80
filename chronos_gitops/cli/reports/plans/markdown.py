"""A plan as the comment of a pull request: the sums at once, each job when it is unfolded."""

import re

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

MARKER = "<!-- chronos-gitops:plan -->"
"""Stands first, so that a workflow finds its own comment again and edits it in place."""
_MARKUP = re.compile(r"[&<>|`*_\[\]@#~\\$!\r\n]")
_LONGEST = 60_000  # GitHub refuses a comment of more than 65,536 characters


def render(plan: Plan, sides: Sides = NAMELESS) -> str:
    parts = [MARKER, f"### {_text(title(sides))}: {summary(plan)}"]
    if plan.changes:
        before, after = plan.runs_per_day()
        runs = f"Runs per day of these jobs: **{number(before)}** → **{number(after)}**"
        busiest = f"Runs in the busiest minute of the week, all jobs: {peak(plan.peaks[0])} → {peak(plan.peaks[1])}"
        parts += [_table(plan), f"{runs}\\\n{busiest}"]
    if plan.unsafe:
        trailer = f"`Chronos-Allow-Deletes: {len(plan.unsafe)}`"
        parts.append(
            f"> [!WARNING]\n> A runner holds these {len(plan.unsafe)} deletions until they are approved:"
            f" `{plan.checksum}`, or a commit with the trailer {trailer}."
        )
    parts += [_text(line) for line in (server(plan), basis(sides)) if line]
    shown = (Operation.MOVED, Operation.FORMATTING)
    return _within_limit(parts, [_details(c) for c in plan.changes if c.operation not in shown or c.flags])


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


def _table(plan: Plan) -> str:
    rows = [
        f"| {SIGNS[change.operation]} {change.operation.value} | {_code(change.job)} | {_place(change)}"
        f" | {per_day(change.runs_before)} → {per_day(change.runs_after)}{factor(change)} | {_kinds(change)} |"
        for change in plan.changes
    ]
    return "\n".join(["| | job | file | runs per day | look at |", "|---|---|---|---|---|", *rows])


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
        lines += [f"| {_code(f.field)} | {_code(value(f.before))} | {_code(value(f.after))} |" for f in change.fields]
        lines.append("")
    if change.runs_before is not None:
        lines.append(f"- next runs before: {_text(upcoming(change.runs_before))}")
    if change.runs_after is not None:
        lines.append(f"- next runs after: {_text(upcoming(change.runs_after))}")
    lines += [f"- ⚠ {flag.kind}: {_text(printable(flag.message))}" for flag in change.flags]
    return "\n".join([*lines, "", "</details>"])


def _code(text: str) -> str:
    """In a table even code is cut at ``|``; HTML's own element takes every character."""
    return f"<code>{_text(text)}</code>"


def _text(text: str) -> str:
    """Every character that Markdown or HTML could read as more than itself, as an entity."""
    return _MARKUP.sub(lambda match: f"&#{ord(match.group())};", text)
