"""Whom a connection believes and what it shows: authorities and client certificates, re-read when they change.

TLS is always verified and at least 1.2; there is no setting that turns it off.
"""

import contextlib
import logging
import ssl
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from chronos_gitops.config.model import HostTls
from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.origins.origin import is_host_in
from chronos_gitops.webhooks.transport.timings import Phase, current

log = logging.getLogger(__name__)
Stamp = tuple[tuple[int, int, int], ...]
"""Inode, size and time of change of each file: a rotation changes one of them."""


class TlsContexts:
    """A context per entry of the operator's list. Raises UsageError at once for files that cannot be used.

    ``ca_file`` (PEM) is trusted beside the system's authorities by hosts without an authority of their own; an entry's
    is trusted in their place, for that host only. ``hosts`` are names, addresses or ``*.example.com``; the exact one
    counts, then the longest. ``protocols`` are offered by ALPN.
    """

    def __init__(
        self,
        ca_file: Path | None = None,
        hosts: Mapping[str, HostTls] | None = None,
        *,
        protocols: Sequence[str] = ("http/1.1",),
    ) -> None:
        entries = (hosts or {}).items()
        self._default = _ReloadingContext(HostTls(ca_file=ca_file), "egress", system_too=True, protocols=protocols)
        self._hosts = {
            host: _ReloadingContext(
                HostTls(entry.ca_file or ca_file, entry.cert_file, entry.key_file),
                f"egress.hosts.{host}",
                system_too=entry.ca_file is None,
                protocols=protocols,
            )
            for host, entry in sorted(entries, key=lambda each: (each[0].startswith("*."), -len(each[0])))
        }

    def of(self, host: str) -> ssl.SSLContext:
        return self._entry(host).context()

    def load(self) -> None:
        """Read the authorities of the system, which takes 20 ms, before the first connection needs them."""
        self._default.context()

    def client_certificate(self, host: str) -> Path | None:
        """The file (PEM) of the certificate that is shown to the host."""
        return self._entry(host).cert_file

    def _entry(self, host: str) -> "_ReloadingContext":
        return next((kept for pattern, kept in self._hosts.items() if is_host_in(host, pattern)), self._default)


class _ReloadingContext:
    """The context of some files; when they have changed into something that cannot be used, the one before stays.
    Without files, nothing can be wrong with it, and it is made for the first connection."""

    def __init__(self, files: HostTls, place: str, *, system_too: bool, protocols: Sequence[str]) -> None:
        self._files = files
        self._place = place
        self._system_too = system_too
        self._protocols = protocols
        self._stamp = self._look()
        self._context = self._load() if self._stamp else None

    @property
    def cert_file(self) -> Path | None:
        return self._files.cert_file

    def context(self) -> ssl.SSLContext:
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._context = self._load()
                log.info("TLS files reloaded", extra={"setting": self._place})
            except UsageError as error:
                log.error("changed TLS files are invalid, so the last valid ones stay in use: %s", error)
        if self._context is None:
            self._context = self._load()
        return self._context

    def _look(self) -> Stamp:
        return tuple(
            _stamp(file) for file in (self._files.ca_file, self._files.cert_file, self._files.key_file) if file
        )

    def _load(self) -> ssl.SSLContext:
        context = _Context(ssl.PROTOCOL_TLS_CLIENT)  # it verifies certificate and name
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._protocols:
            context.set_alpn_protocols(self._protocols)
        if sys.version_info >= (3, 13):  # what ssl.create_default_context() asks of a chain there
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
        if self._system_too:
            context.load_default_certs()
        ca_file, cert_file, key_file = self._files.ca_file, self._files.cert_file, self._files.key_file
        if ca_file is not None:
            with _explained(f"{self._place}.ca_file: {ca_file}", "it holds no certificate in PEM"):
                context.load_verify_locations(ca_file)
        if cert_file is not None:
            with _explained(f"{self._place}.cert_file: {cert_file}", "it is no certificate in PEM with its plain key"):
                # Without an answer at hand OpenSSL would ask the terminal for the pass phrase of an encrypted key.
                context.load_cert_chain(cert_file, key_file, password=lambda: "")
        return context


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_size, found.st_mtime_ns)


@contextlib.contextmanager
def _explained(place: str, otherwise: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # ssl.SSLError is one, too
        known = {"KEY_VALUES_MISMATCH": "its key belongs to another certificate"}
        reason = known.get(error.reason, otherwise) if isinstance(error, ssl.SSLError) else error.strerror
        raise UsageError(f"{place} cannot be used: {reason}") from error


class _Context(ssl.SSLContext):
    """Notes when a handshake begins."""

    def wrap_bio(self, *given: Any, **named: Any) -> ssl.SSLObject:
        current.get().enter(Phase.SECURING)
        return super().wrap_bio(*given, **named)
