"""``status``: how the runner and what it follows are."""

from typing import Any

import click

from chronos_gitops.cli.api_client import RunnerClient, runner_options
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.reports.tables import facts
from chronos_gitops.exit_codes import ExitCode


@click.command("status")
@runner_options
def command(server: str | None, token: str | None, style: Format) -> int:
    """Show runner and sync status. Exits with 1 if no new commit can be applied."""
    runner = RunnerClient(server, token)
    sync = runner.get("/api/v1/sync")
    tell(style, {"server": runner.address, "sync": sync}, lambda: _text(runner.address, sync))
    return ExitCode.FAILED if sync["state"] == "failed" else ExitCode.FINE


def _text(address: str, sync: dict[str, Any]) -> str:
    revision = sync["revision"]
    branch = f", branch {sync['branch']}" if sync.get("branch") else ""
    held = sync.get("held") or {}
    lines = facts(
        (
            ("runner", address),
            ("state", f"{sync['state']}{_reason(sync)}"),
            ("follows", f"{sync['repository']} ({sync['mode']}{branch})"),
            ("applied", _short(revision.get("applied"))),
            ("desired", _short(revision.get("desired")) if revision.get("desired") != revision.get("applied") else ""),
            ("jobs", str(sync["jobs"])),
            ("quarantined", ", ".join(sync.get("quarantined") or ())),
            ("held back", f"deletion of {', '.join(held['names'])} ({held['checksum']})" if held else ""),
            ("reload", f"{sync['reload_ms']:.0f} ms" if sync.get("reload_ms") is not None else ""),
        )
    )
    problems = [_problem(problem) for problem in sync.get("problems") or () if problem["severity"] == "error"]
    return "\n".join([lines, *problems])


def _reason(sync: dict[str, Any]) -> str:
    words = ": ".join(word for word in (sync.get("reason"), sync.get("message")) if word)
    return f" ({words})" if words else ""


def _short(commit: str | None) -> str:
    return (commit or "nothing")[:12]


def _problem(problem: dict[str, Any]) -> str:
    place = f"{problem['file']}:{problem['line']}:{problem['column']}"
    return f"{place}: {problem['severity']}[{problem['rule']}]: {problem['message']}"
