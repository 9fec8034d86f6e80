"""``logs``: everything an execution sent and got."""

from typing import Any
from urllib.parse import quote

import click

from chronos_gitops.cli.client import execution_wait
from chronos_gitops.cli.client.api_client import RunnerClient, runner_options
from chronos_gitops.cli.output import Format, tell


@click.command("logs")
@click.argument("execution")
@runner_options
def command(execution: str, server: str | None, token: str | None, style: Format) -> int:
    """Show the request of EXECUTION (an id) and each attempt with its response. Exits with 1 unless it succeeded."""
    found = RunnerClient(server, token).get(f"/api/v1/executions/{quote(execution, safe='')}")
    tell(style, found, lambda: _text(found))
    return execution_wait.exit_code(found)


def _text(execution: dict[str, Any]) -> str:
    parts = [execution_wait.sentence(execution)]
    request = execution["request"]
    if request is not None:
        headers = [f"{name}: {value}" for name, value in request["headers"].items()]
        parts.append("\n".join([f"{request['method']} {request['url']}", *headers]))
        parts += [request["body"]] if request["body"] else []
    parts += [_attempt(attempt) for attempt in execution["attempts"]] or ["no request was made"]
    return "\n\n".join(parts)


def _attempt(attempt: dict[str, Any]) -> str:
    took = "" if attempt["duration_ms"] is None else f", {attempt['duration_ms']} ms"
    words = [attempt["status_code"], attempt["error_class"], attempt["error"]]
    answer = " ".join(str(word) for word in words if word is not None) or "running"
    head = f"attempt {attempt['attempt']} at {attempt['started_at']}{took}: {answer}"
    headers = [f"{name}: {value}" for name, value in (attempt.get("response_headers") or {}).items()]
    return "\n".join([head, *headers, *([attempt["response"]] if attempt["response"] else [])])
