"""Two runners on one PostgreSQL server, each behind a proxy of its own."""

import signal
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random
from typing import Self

import psycopg
from faults.common_faults import pause
from faults.evidence import Row
from faults.on_sqlite import SELECT_ROWS
from faults.world import Fault, World
from harness.programs.postgres import Server
from harness.programs.tcp_proxy import Proxy

_TERMINATE = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'chronos-gitops'"


class OnPostgres:
    name = "postgresql"
    runners = 2

    def __init__(self) -> None:
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self._server = opened.enter_context(closing(Server()))
            self._proxies = [opened.enter_context(Proxy(self._server.port)) for _ in range(self.runners)]
            self._open = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def environ(self, number: int) -> Mapping[str, str]:
        return {"CHRONOS_ENGINE": f"postgresql://postgres@127.0.0.1:{self._proxies[number].port}/postgres"}

    def archive(self, world: World, data: Path) -> None:
        """The ledger is elsewhere."""

    def files(self) -> list[Path]:
        return []

    def rows(self, world: World) -> list[Row]:
        with psycopg.connect(self._server.url()) as connection:
            return [Row(*row) for row in connection.execute(SELECT_ROWS).fetchall()]

    def faults(self) -> Mapping[str, Fault]:
        faults: tuple[Callable[[World, Random], None], ...] = (
            self._backends_terminated,
            self._connections_cut,
            self._commits_cut,
            self._runner_cut_off,
            self._server_crashes,
            self._server_hangs,
            self._standby_missing,
        )
        return {fault.__name__.strip("_").replace("_", " "): fault for fault in faults}

    def _backends_terminated(self, world: World, random: Random) -> None:
        """Answers are slow, and all connections die right after each whole second."""
        for proxy in self._proxies:
            proxy.delay_s = 0.003
        with psycopg.connect(self._server.url(), autocommit=True) as connection:
            for _ in range(random.randint(3, 10)):
                pause(1.0 - _fraction(connection) + random.uniform(0.15, 0.3))
                connection.execute(_TERMINATE)
        for proxy in self._proxies:
            proxy.delay_s = 0.0

    def _connections_cut(self, world: World, random: Random) -> None:
        for _ in range(random.randint(1, 5)):
            random.choice(self._proxies).cut()
            pause(random.uniform(0.1, 1.5))

    def _commits_cut(self, world: World, random: Random) -> None:
        """COMMITs reach the server, and their answers are lost."""
        random.choice(self._proxies).cut_at_commit(random.randint(1, 5))
        pause(3.0)

    def _runner_cut_off(self, world: World, random: Random) -> None:
        """The network of one runner swallows everything: the other one takes over."""
        proxy = random.choice(self._proxies)
        proxy.hang()
        pause(random.uniform(2.0, 20.0))
        proxy.go_on()

    def _server_crashes(self, world: World, random: Random) -> None:
        self._server.stop(signal.SIGQUIT)
        pause(random.uniform(0.2, 8.0))
        self._server.start()

    def _server_hangs(self, world: World, random: Random) -> None:
        for proxy in self._proxies:
            proxy.hang()
        pause(random.uniform(2.0, 12.0))
        for proxy in self._proxies:
            proxy.go_on()

    def _standby_missing(self, world: World, random: Random) -> None:
        """Each COMMIT waits for a standby that does not exist."""
        self._set("synchronous_standby_names = 'missing'")
        pause(random.uniform(2.0, 15.0))
        self._set("synchronous_standby_names = ''")

    def _set(self, setting: str) -> None:
        with psycopg.connect(self._server.url(), autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET {setting}".encode())
            connection.execute("SELECT pg_reload_conf()")


def _fraction(connection: "psycopg.Connection[tuple[float]]") -> float:
    row = connection.execute("SELECT mod(extract(epoch FROM clock_timestamp()), 1)::float8").fetchone()
    return 0.0 if row is None else row[0]
