"""Debian's pgbouncer in front of a PostgreSQL server, on a free port of 127.0.0.1."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.programs.postgres import Server, wait_for
from harness.programs.tools import free_port

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
"""``make test`` installs it; where it is missing the tests that need it fail."""


class PgBouncer:
    def __init__(self, server: Server, pool_mode: str) -> None:
        assert PROGRAM, "pgbouncer is not installed: run `make test`, or install Debian's package pgbouncer"
        self._folder = Path(tempfile.mkdtemp(prefix="chronos-pgbouncer-"))
        user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}
            os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
        self.port = free_port()
        (self._folder / "users").write_text('"postgres" ""\n')
        (self._folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.port} user=postgres\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\nauth_type = any\n"
            f"auth_file = {self._folder}/users\npool_mode = {pool_mode}\nlogfile = {self._folder}/log\n"
        )
        self._process = subprocess.Popen(
            [PROGRAM, "-q", str(self._folder / "pgbouncer.ini")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            **user,
        )
        wait_for(self.url())

    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(10)
        shutil.rmtree(self._folder)
