"""Shared parts of the acts: the clock of the demo, a look at target and runner, waiting while the table is drawn."""

import time
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

from chronos_gitops.cli.demo import statistics
from chronos_gitops.cli.demo.live_table import live_table
from chronos_gitops.cli.demo.receiver import Received, Receiver
from chronos_gitops.cli.demo.repository import DemoRepository
from chronos_gitops.cli.demo.runner_process import RunnerProcess
from chronos_gitops.cli.demo.statistics import Statistics
from chronos_gitops.cli.demo.terminal import Screen
from chronos_gitops.errors import ChronosError
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.process.sleep import sleep

_LOOK_S = 0.1
_DRAW_S = 0.5
_TELL_S = 5.0


class DemoFailed(ChronosError):
    """An act did not show what it should."""

    kind = "demo-failed"


@dataclass(frozen=True, slots=True)
class Reload:
    """Time from a change to its first run: as measured by the demo over REST, and as reported by the runner."""

    what: str
    observed_ms: float
    runner_ms: float | None


@dataclass
class Show:
    stage: DemoRepository
    receiver: Receiver
    runner: RunnerProcess
    screen: Screen
    began: float = field(default_factory=time.monotonic)
    patience_s: float = 15.0
    reloads: list[Reload] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)
    ended_s: float = 0.0
    _executions: dict[str, dict[str, Any]] = field(default_factory=dict)
    _drawn: float = 0.0
    _told: float = field(default_factory=time.monotonic)

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.began

    def begin(self, act: str) -> None:
        self.acts.append(act)
        self.screen.say()
        self.screen.say(f"{self.elapsed_s:5.1f} s  {act}")

    def say(self, line: str) -> None:
        self.screen.say(f"         {line}")

    def job(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.runner.get(f"/api/v1/jobs/{name}")
        return found

    def requests_of(self, name: str) -> Sequence[Received]:
        return [request for request in self.receiver.requests if request.header("X-Chronos-Job-Name") == name]

    def executions(self) -> Sequence[dict[str, Any]]:
        """The executions that the runner had recorded at the last request."""
        return list(self._executions.values())

    def tallies(self) -> dict[str, Statistics]:
        return statistics.tallies(self.receiver.requests, self._executions.values())

    def settle(self) -> dict[str, Statistics]:
        """The last count, of one moment: every page of the history, and the requests of the executions in it."""
        self.ended_s = self.elapsed_s
        executions = {one["id"]: one for one in self.runner.executions()}
        requests = [one for one in self.receiver.requests if one.execution_id in executions]
        return statistics.tallies(requests, executions.values())

    def wait(self, what: str, holds: Callable[[], object], *, look_s: float = _LOOK_S) -> None:
        """Looks again and again until it holds; DemoFailed with these words when it does not in good time."""
        deadline = time.monotonic() + self.patience_s
        while not holds():
            if time.monotonic() > deadline:
                raise DemoFailed(f"{self.acts[-1]}: waited {self.patience_s:.0f} s in vain for {what}")
            self.refresh()
            sleep(look_s)

    def idle_until(self, elapsed_s: float) -> None:
        """Lets everybody watch until the demo is that old."""
        while self.elapsed_s < elapsed_s:
            self.refresh()
            sleep(_LOOK_S)

    def timed(self, what: str, began: float, holds: Callable[[], object]) -> Reload:
        """Waits until a change that was made at ``began`` (``time.monotonic()``) runs, and keeps how long it took."""
        self.wait(what, holds, look_s=0.01)
        observed_ms = (time.monotonic() - began) * 1000
        reload = Reload(what, round(observed_ms, 1), self.runner.get("/api/v1/sync")["reload_ms"])
        self.reloads.append(reload)
        return reload

    def refresh(self) -> None:
        """Draws the table again twice a second, or tells how it stands every five where nothing can be redrawn."""
        now = time.monotonic()
        if now - self._drawn < _DRAW_S:
            return
        self._drawn = now
        newest = self.runner.get("/api/v1/executions?limit=200")["items"]
        self._executions.update({one["id"]: one for one in newest})
        parts = self.tallies()
        if self.screen.is_live:
            self.screen.draw(live_table(self.elapsed_s, self.runner.address, self.runner.get("/api/v1/jobs"), parts))
        elif now - self._told >= _TELL_S:
            self._told = now
            whole = statistics.total(parts.values())
            self.say(
                f"so far: {whole.received} requests received, {whole.retried} retries, {whole.ticks['skipped']} skipped"
            )
