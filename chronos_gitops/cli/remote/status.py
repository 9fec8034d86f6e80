"""``status``: how the runner and what it follows are."""

from typing import Any

import click

from chronos_gitops.cli.client.api_client import RunnerClient, runner_options
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.reports.tables import facts
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.plurals import plural


@click.command("status")
@runner_options
def command(server: str | None, token: str | None, style: Format) -> int:
    """Show runner and sync status. Exits with 1 if new commits cannot be applied, or executions cannot start."""
    runner = RunnerClient(server, token)
    sync, caller = runner.get("/api/v1/sync"), runner.get("/api/v1/whoami")
    health = runner.health()
    told = {"server": runner.address, "caller": caller, "sync": sync, "health": health}
    tell(style, told, lambda: _text(runner.address, caller, sync, health))
    is_failing = sync["state"] == "failed" or health.get("status") == "fail"
    return ExitCode.FAILED if is_failing else ExitCode.FINE


def _text(address: str, caller: dict[str, Any], sync: dict[str, Any], health: dict[str, Any]) -> str:
    revision = sync["revision"]
    branch = f", branch {sync['branch']}" if sync.get("branch") else ""
    held = sync.get("held") or {}
    lines = facts(
        (
            ("runner", address),
            ("environment", sync.get("environment") or ""),
            ("caller", _caller(caller)),
            ("health", _health(health)),
            ("state", f"{sync['state']}{_reason(sync)}"),
            ("follows", f"{sync['repository']} ({sync['mode']}{branch})"),
            ("applied", _short(revision.get("applied"))),
            ("meanwhile", _meanwhile(sync)),
            ("desired", _short(revision.get("desired")) if revision.get("desired") != revision.get("applied") else ""),
            ("jobs", str(sync["jobs"])),
            ("quarantined", ", ".join(sync.get("quarantined") or ())),
            ("invalid layers", ", ".join(map(_layer, sync.get("broken_layers") or ()))),
            ("held back", f"{_held(held)} ({held['checksum']})" if held else ""),
            ("reload", f"{sync['reload_ms']:.0f} ms" if sync.get("reload_ms") is not None else ""),
        )
    )
    problems = [_problem(problem) for problem in sync.get("problems") or () if problem["severity"] == "error"]
    return "\n".join([lines, *problems])


def _layer(layer: dict[str, Any]) -> str:
    return f"{layer['file']} ({plural(layer['jobs'], 'job')})"


def _held(held: dict[str, Any]) -> str:
    kinds = (("deletion of ", held["names"]), ("disabling of ", held.get("disabled") or ()))
    return " and ".join(word + ", ".join(names) for word, names in kinds if names)


def _caller(caller: dict[str, Any]) -> str:
    """Empty where the runner knows no callers."""
    if caller["via"] == "none":
        return ""
    grants = "; ".join(_grant(grant) for grant in caller["grants"])
    until = f", until {caller['until']}" if caller["until"] else ""
    return f"{caller['name']} via {caller['via']} ({grants}{until})"


def _grant(grant: dict[str, Any]) -> str:
    tags = ", ".join(f"tag.{key}={value}" for key, value in grant["tags"].items())
    folders = f" in {', '.join(grant['folders'])}" if grant.get("folders") else ""
    return ", ".join(grant["roles"]) + folders + (f" for jobs with {tags}" if tags else "")


def _reason(sync: dict[str, Any]) -> str:
    words = ": ".join(word for word in (sync.get("reason"), sync.get("message")) if word)
    return f" ({words})" if words else ""


def _health(health: dict[str, Any]) -> str:
    """The checks that do not pass, in words; empty without one. The line of the sync status covers git."""
    checks = {name: one for name, one in health.get("checks", {}).items() if one["status"] != "pass" and name != "git"}
    found = "; ".join(f"{name} {one['status']}{one['detail'] and ': '}{one['detail']}" for name, one in checks.items())
    if health.get("status") != "fail":
        return found
    return f"failing{found and ': '}{found}; run chronos-gitops doctor on its machine for details"


def _meanwhile(sync: dict[str, Any]) -> str:
    """The jobs that run while git, or its newest commit, cannot be applied."""
    applied = (sync.get("revision") or {}).get("applied")
    if sync["state"] != "failed" or not applied:
        return ""
    return f"jobs keep running as of commit {_short(applied)}; run chronos-gitops doctor on its machine for details"


def _short(commit: str | None) -> str:
    return (commit or "nothing")[:12]


def _problem(problem: dict[str, Any]) -> str:
    place = f"{problem['file']}:{problem['line']}:{problem['column']}"
    return f"{place}: {problem['severity']}[{problem['rule']}]: {problem['message']}"
