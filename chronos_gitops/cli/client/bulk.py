"""``pause``, ``resume`` and ``trigger`` for many jobs: selectors, the list of jobs, the question, the call."""

import contextlib
import sys
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from chronos_gitops.cli import job_words
from chronos_gitops.cli.client import execution_wait
from chronos_gitops.cli.client.api_client import RunnerAway, RunnerClient
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.reports.tables import table
from chronos_gitops.errors import UsageError
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.plurals import plural
from chronos_gitops.process.lazy_dataclass import dataclass

_F = TypeVar("_F", bound=Callable[..., Any])
_SHOWN = 50
_TRIES = 3
_WITHIN_S = 120.0
_HEADER = ("job", "outcome", "until")


def selection_options(command: _F) -> _F:
    """``JOB...`` and the options that select jobs."""
    for option in (
        click.option("--yes", is_flag=True, help="Skip the confirmation."),
        click.option("--expect-jobs", type=click.IntRange(0), metavar="N", help="Refuse unless exactly N jobs match."),
        click.option("--all", "every", is_flag=True, help="Every job."),
        click.option("--folder", metavar="FOLDER", help="Jobs below this folder, such as jobs/billing."),
        click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Jobs with this tag; repeatable."),
        click.argument("jobs", nargs=-1, metavar="[JOB]...", shell_complete=job_words.from_runner),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class BulkSelection:
    jobs: tuple[str, ...]
    tags: tuple[str, ...]
    folder: str | None
    every: bool
    bulk: str | None = None

    @property
    def one_job(self) -> str | None:
        """The name, where it is all that was given: then the call is about one job."""
        return self.jobs[0] if len(self.jobs) == 1 and self.document() == {"jobs": list(self.jobs)} else None

    def document(self) -> dict[str, Any]:
        """``select`` of the API. UsageError for nothing, or for --all beside others."""
        tags = dict(_tag(tag) for tag in self.tags)
        given = {"jobs": list(self.jobs), "tags": tags, "folder": self.folder, "all": self.every, "bulk": self.bulk}
        selectors = {name: value for name, value in given.items() if value}
        if not selectors:
            raise UsageError("no job is selected", hint="name jobs, or select them with --tag, --folder or --all")
        if self.every and len(selectors) > 1:
            raise UsageError("--all stands beside other selectors", hint="leave out --all, or everything else")
        return selectors


def needed(reason: str | None) -> str:
    """UsageError without one."""
    if not reason:
        raise UsageError("the reason is missing", hint="add --reason TEXT; the audit log has it")
    return reason


def change(
    runner: RunnerClient,
    action: str,
    body: Mapping[str, Any],
    *,
    dry_run: bool,
    yes: bool,
    expected: int | None,
    style: Format,
) -> int:
    """Shows which jobs a call is about, asks unless ``yes``, and makes it for exactly these."""
    path = f"/api/v1/bulk/{action}"
    if action == "trigger" and yes and expected is None and not dry_run:
        raise UsageError("--yes needs --expect-jobs", hint="`--dry-run` shows how many jobs match")
    if yes and not dry_run and expected is not None:
        return _tell(style, _sent(runner, path, {**body, "expect_jobs": expected}))
    about = {} if expected is None else {"expect_jobs": expected}
    planned = runner.post(path, {**body, **about, "dry_run": True})
    count = len(planned["items"])
    if dry_run or not count:
        return _tell(style, planned)
    if not yes:
        _ask(action, planned, count)
    return _tell(style, _sent(runner, path, {**body, "expect_jobs": count}))


def _ask(action: str, planned: Mapping[str, Any], count: int) -> None:
    if not sys.stdin or not sys.stdin.isatty():
        raise UsageError(
            f"this would {action} {plural(count, 'job')}, and there is no terminal to confirm it",
            hint="look with --dry-run, then add --yes",
        )
    click.echo(_text(planned), err=True)
    click.confirm(f"{action.capitalize()} {plural(count, 'job')}?", abort=True, err=True)


def _sent(runner: RunnerClient, path: str, body: Mapping[str, Any]) -> Any:
    """The same key, so that a call that broke goes on where it ended."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    for _ in range(_TRIES - 1):
        with contextlib.suppress(RunnerAway):
            answer = runner.post(path, body, headers=key, within=_WITHIN_S)
            if not any(item["outcome"] == "failed" for item in answer["items"]):
                return answer
    return runner.post(path, body, headers=key, within=_WITHIN_S)


def _tell(style: Format, answer: Mapping[str, Any]) -> int:
    tell(style, answer, lambda: _text(answer))
    if not answer["items"]:
        return ExitCode.NOTHING
    return ExitCode.FAILED if any(item["outcome"] == "failed" for item in answer["items"]) else ExitCode.FINE


def _text(answer: Mapping[str, Any]) -> str:
    items = answer["items"]
    if not items:
        return "no job matches"
    rows = [(item["job"], _outcome(item), item["until"] or "") for item in items[:_SHOWN]]
    lines = [table(_HEADER, rows), *([f"and {len(items) - _SHOWN} more"] if len(items) > _SHOWN else [])]
    summary = f"{answer['changed']} of {plural(len(items), 'job')} changed"
    if answer["id"] is None:
        summary = f"{answer['changed']} of {plural(len(items), 'job')} would change; nothing was done"
    else:
        summary += f", bulk {answer['id']}"
    return "\n".join([*lines, "", summary, *execution_wait.closed_notes(items, "trigger")])


def _outcome(item: Mapping[str, Any]) -> str:
    return f"{item['outcome']}: {item['error']}" if item["error"] else str(item["outcome"]).replace("_", " ")


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise click.BadParameter(f'"{text}" is not KEY=VALUE', param_hint="--tag")
    return key, value
