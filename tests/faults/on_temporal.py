"""Two runners on one Temporal server, each behind a proxy of its own."""

import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Self

from faults.common_faults import pause
from faults.evidence import Row
from faults.world import Fault, World
from harness.programs.tcp_proxy import Proxy
from harness.programs.temporal import TemporalServer, free_port, run

from chronos_gitops.engine.milliseconds import maybe_ms, to_ms
from chronos_gitops.engine.model import Execution, ExecutionQuery, Trigger
from chronos_gitops.engine.temporal.visibility.visibility import Visibility

_NAMESPACE = "default"
_ALL = ExecutionQuery(limit=sys.maxsize)


class OnTemporal:
    name = "temporal"
    runners = 2

    def __init__(self) -> None:
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self._folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
            server = TemporalServer(self._folder, port=free_port(), database=self._folder / "temporal.db")
            self._server = opened.enter_context(server)
            self._proxies = [opened.enter_context(Proxy(server.port)) for _ in range(self.runners)]
            self._open = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def environ(self, number: int) -> Mapping[str, str]:
        return {"CHRONOS_ENGINE": f"temporal://127.0.0.1:{self._proxies[number].port}/{_NAMESPACE}"}

    def archive(self, world: World, data: Path) -> None:
        """The server has everything."""

    def files(self) -> list[Path]:
        """All histories: ``temporal server start-dev --db-filename`` shows them."""
        return sorted(self._folder.glob("temporal.*"))

    def rows(self, world: World) -> list[Row]:
        async def listed() -> list[Execution]:
            return await Visibility(await self._server.client(_NAMESPACE), few=sys.maxsize).executions(_ALL)

        return [_row(execution) for execution in run(listed())]

    def faults(self) -> Mapping[str, Fault]:
        faults: tuple[Callable[[World, Random], None], ...] = (
            self._connections_cut,
            self._runner_cut_off,
            self._server_killed,
            self._server_stopped,
            self._server_frozen,
        )
        return {fault.__name__.strip("_").replace("_", " "): fault for fault in faults}

    def _connections_cut(self, world: World, random: Random) -> None:
        for _ in range(random.randint(1, 5)):
            random.choice(self._proxies).cut()
            pause(random.uniform(0.1, 1.5))

    def _runner_cut_off(self, world: World, random: Random) -> None:
        """The network of one runner swallows everything: the other one takes over."""
        proxy = random.choice(self._proxies)
        proxy.hang()
        pause(random.uniform(2.0, 25.0))
        proxy.go_on()

    def _server_killed(self, world: World, random: Random) -> None:
        self._server.stop(signal.SIGKILL)
        pause(random.uniform(0.2, 8.0))
        self._server.start()

    def _server_stopped(self, world: World, random: Random) -> None:
        self._server.stop()
        pause(random.uniform(0.2, 8.0))
        self._server.start()

    def _server_frozen(self, world: World, random: Random) -> None:
        self._server.signal(signal.SIGSTOP)
        pause(random.uniform(1.0, 12.0))
        self._server.signal(signal.SIGCONT)


def _row(execution: Execution) -> Row:
    tick = None if execution.trigger is Trigger.MANUAL else to_ms(execution.scheduled_time)
    first = None if tick is None else maybe_ms(execution.range_start) or tick
    created_at = to_ms(execution.created_at or execution.scheduled_time)
    return Row(execution.id, execution.job, tick, first, execution.status.value, created_at)
