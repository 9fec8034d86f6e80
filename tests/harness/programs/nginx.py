"""nginx with TLS before a git server, on a free port of 127.0.0.1."""

import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.programs.tools import await_port, free_port, tool
from harness.servers import Certificates

_CONFIG = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    {inside}
  }}
}}
"""
_ASKS_FOR_CERTIFICATES = """
    ssl_client_certificate {authority}; ssl_verify_client on;
    location / {{ proxy_pass {upstream}; }}
"""


class Nginx:
    """Asks its clients for a certificate of the authority, unless ``inside`` says what is inside its server."""

    def __init__(
        self, certificates: Certificates, upstream: str = "", *, inside: str | None = None, port: int | None = None
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chronos-nginx-")
        self.port = port or free_port()
        if inside is None:
            inside = _ASKS_FOR_CERTIFICATES.format(authority=certificates.authority, upstream=upstream.rstrip("/"))
        certificate, key = certificates.sign("nginx")
        config = Path(self._folder.name, "nginx.conf")
        config.write_text(
            _CONFIG.format(
                folder=self._folder.name,
                port=self.port,
                certificate=certificate,
                key=key,
                inside=inside,
            )
        )
        self._process = subprocess.Popen(
            [tool("nginx"), "-p", self._folder.name, "-c", str(config)], stderr=subprocess.PIPE, text=True
        )

    def url(self, name: str, scheme: str = "https") -> str:
        return f"{scheme}://127.0.0.1:{self.port}/{name}"

    def __enter__(self) -> Self:
        await_port(self.port, self._process, lambda: self._process.communicate()[1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)
        self._folder.cleanup()
