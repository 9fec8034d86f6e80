"""The address of a Temporal server, and the credentials of a runner there."""

import re
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from temporalio.service import TLSConfig

from chronos_gitops.config.groups import TemporalAccess
from chronos_gitops.engine.temporal.connection.encryption import Key, read_keys
from chronos_gitops.errors import UsageError
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.process.small_files import read_small_file

_SHAPE = "temporal://host:port/namespace"
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}\Z", re.ASCII)
_DEFAULT_PORT = 7233


@dataclass(frozen=True, slots=True)
class TemporalConnection:
    """One namespace of one server."""

    target: str
    namespace: str
    shown: TemporalAccess

    def __str__(self) -> str:
        return f"Temporal at {self.target} (namespace {self.namespace})"

    @classmethod
    def parse(cls, url: str, shown: TemporalAccess) -> "TemporalConnection":
        """``temporal://host:port/namespace``; raises UsageError, also for files that cannot be read."""
        target, namespace = _parts(url)
        if (shown.tls_cert_file is None) != (shown.tls_key_file is None):
            raise UsageError("temporal.tls_cert_file and temporal.tls_key_file go together", hint="set both, or none")
        access = cls(target, namespace, shown)
        access.tls()
        access.api_key()
        access.encryption_keys()
        return access

    def tls(self) -> TLSConfig | bool:
        """Read again at each connection, so that a rotated certificate needs no restart."""
        shown = self.shown
        if not any((shown.tls_ca_file, shown.tls_cert_file, shown.api_key_file, shown.api_key)):
            return False
        return TLSConfig(
            server_root_ca_cert=_read(shown.tls_ca_file),
            client_cert=_read(shown.tls_cert_file),
            client_private_key=_read(shown.tls_key_file),
        )

    def encryption_keys(self) -> tuple[Key, ...]:
        """Read again at each connection, so that a key can be appended without a restart of all runners at once."""
        return read_keys(self.shown.encryption_key_files)

    @property
    def is_plain(self) -> bool:
        """True if what the connection carries crosses a network unencrypted."""
        host = self.target.rpartition(":")[0].strip("[]")
        try:
            is_local = ip_address(host).is_loopback
        except ValueError:
            is_local = host == "localhost"
        return not is_local and not self.tls()

    def api_key(self) -> str | None:
        kept = _read(self.shown.api_key_file)
        try:
            return self.shown.api_key or (None if kept is None else kept.decode("ascii").strip())
        except UnicodeDecodeError as error:
            raise UsageError(f"{self.shown.api_key_file} holds no API key", hint="it is one line of text") from error


def _parts(url: str) -> tuple[str, str]:
    try:
        found = urlsplit(url)
        host, port = found.hostname, found.port or _DEFAULT_PORT
    except ValueError as error:
        raise UsageError(f"the engine's address cannot be read: {error}", hint=f"write {_SHAPE}") from error
    namespace = found.path.strip("/") or "default"
    if not host or found.username is not None or found.query or found.fragment or not _NAMESPACE.match(namespace):
        place = url.partition("://")[2].rpartition("@")[2]  # what stands before it may be a password
        raise UsageError(f'"temporal://{place}" is no address of Temporal', hint=f"write {_SHAPE}")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}", namespace


def _read(file: Path | None) -> bytes | None:
    try:
        return None if file is None else read_small_file(file)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", hint="see docs/how-to/scale.md") from error
