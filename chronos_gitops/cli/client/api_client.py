"""The client of a runner's API: options of commands that use it, the connection, and errors in one sentence."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import click
import httpx

from chronos_gitops.config import load
from chronos_gitops.errors import ChronosError, NotFoundError

_F = TypeVar("_F", bound=Callable[..., Any])
_TIMEOUT_S = 30.0
_TOKEN_HINT = "give a token with the right role: --token or CHRONOS_TOKEN"


class RunnerAway(ChronosError):
    """The address does not answer, no runner of this API is there, or the runner cannot answer yet."""

    kind = "runner-away"


class RunnerRefused(ChronosError):
    """The runner answered with a problem document (RFC 9457)."""

    kind = "runner-refused"


def runner_options(command: _F) -> _F:
    """``--server``, ``--token`` and ``--format``."""
    style = click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
    return server_options(style(command))


def server_options(command: _F) -> _F:
    """``--server`` and ``--token``."""
    for option in (
        click.option("--token", metavar="TOKEN", help="A bearer token.  [env var: CHRONOS_TOKEN]"),
        click.option(
            "--server",
            metavar="URL|NAME",
            help="The runner: its address, or a name in servers.toml.  [env var: CHRONOS_SERVER]  "
            f"[default: {load.DEFAULT_SERVER}]",
        ),
    ):
        command = option(command)
    return command


class RunnerClient:
    """One runner's REST API (CONTRACT 6); every failure is a ChronosError with a sentence."""

    def __init__(self, server: str | None, token: str | None) -> None:
        self.address, token = load.client({"server": server, "token": token}, os.environ)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, query: Mapping[str, str] | None = None, *, within: float = _TIMEOUT_S) -> Any:
        """``within``: seconds for the answer."""
        return self._call("GET", path, params=query or None, timeout=within)

    def health(self) -> dict[str, Any]:
        """The verdict of the runner on itself, which comes with 503 where it is bad."""
        with self._connection() as http:
            answer = http.get("/health")
        return {} if answer.status_code not in (200, 503) else dict(self._parsed(answer))

    def post(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        within: float = _TIMEOUT_S,
    ) -> Any:
        """``within``: seconds for the answer."""
        return self._call("POST", path, json=body, headers=headers, timeout=within)

    def delete(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        return self._call("DELETE", path, params=query or None)

    def items(self, path: str, query: Mapping[str, str], limit: int | None = None) -> Iterator[dict[str, Any]]:
        """The items of a list, page after page."""
        page = self.get(path, query)
        left = limit
        while True:
            yield from page["items"][:left]
            left = None if left is None else left - len(page["items"])
            if not page.get("next") or (left is not None and left <= 0):
                return
            page = self._call("GET", page["next"])

    def stream(self, path: str, query: Mapping[str, str], *, after: int) -> Iterator[dict[str, Any]]:
        """The data of server-sent events above a number, as they come, until the runner ends the stream. RunnerAway
        when the connection is lost, or silent for longer than the runner's heartbeat allows."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        with self._connection() as http, http.stream("GET", path, params=query, headers=headers) as answer:
            if answer.status_code >= 400:
                answer.read()
                self._content(answer)
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def _call(self, method: str, path: str, **request: Any) -> Any:
        with self._connection() as http:
            return self._content(http.request(method, path, **request))

    @contextlib.contextmanager
    def _connection(self) -> Iterator[httpx.Client]:
        try:
            # trust_env: a proxy of the environment has no business between a command and its own runner.
            with httpx.Client(
                base_url=self.address, headers=self._headers, timeout=_TIMEOUT_S, trust_env=False
            ) as http:
                yield http
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise RunnerAway(
                f"no runner answers at {self.address}: {reason}",
                hint="start one with `chronos-gitops run`, or name another with --server",
            ) from error

    def _content(self, answer: httpx.Response) -> Any:
        content = self._parsed(answer)
        if answer.status_code >= 400:
            raise _refusal(answer.status_code, content if isinstance(content, dict) else {})
        return content

    def _parsed(self, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except ValueError as error:
            raise RunnerAway(
                f"{self.address} answered {answer.status_code} without JSON; it is no chronos-gitops runner",
                hint="check --server and CHRONOS_SERVER",
            ) from error


def job_path(name: str, tail: str = "") -> str:
    return f"/api/v1/jobs/{quote(name, safe='')}{tail}"


def _refusal(status: int, problem: Mapping[str, Any]) -> ChronosError:
    message = str(problem.get("detail") or problem.get("title") or f"the runner answered {status}")
    hint = str(problem.get("command_hint") or problem.get("hint") or "")
    if status in (401, 403):
        hint = hint or _TOKEN_HINT
    kinds = {404: NotFoundError, 503: RunnerAway}
    return kinds.get(status, RunnerRefused)(message, hint=hint)
