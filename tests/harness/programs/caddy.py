"""Caddy with TLS before a runner, on a port of 127.0.0.1."""

import os
import subprocess
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.programs.tools import await_port, tool
from harness.servers import Certificates

_CONFIG = """
{{
    admin off
    auto_https off
    storage file_system {folder}/storage
    servers {{
        protocols h1 h2
    }}
}}
https://127.0.0.1:{port} {{
    bind 127.0.0.1
    tls {certificate} {key}
    {inside}
}}
"""


class Caddy:
    """``inside`` are the directives of its only site."""

    def __init__(self, certificates: Certificates, *, inside: str, port: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chronos-caddy-")
        self.port = port
        certificate, key = certificates.sign("caddy")
        config = Path(self._folder.name, "Caddyfile")
        config.write_text(
            _CONFIG.format(folder=self._folder.name, port=port, certificate=certificate, key=key, inside=inside)
        )
        self._process = subprocess.Popen(
            [tool("caddy"), "run", "--adapter", "caddyfile", "--config", str(config)],
            env={**os.environ, "HOME": self._folder.name},
            stderr=subprocess.PIPE,
            text=True,
        )
        self._said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        self._said.extend(self._process.stderr)

    def __enter__(self) -> Self:
        await_port(self.port, self._process, lambda: "".join(self._said))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=15)
        self._reader.join(5)
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._folder.cleanup()
