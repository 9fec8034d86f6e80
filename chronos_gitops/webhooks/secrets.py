"""Secrets: looked up when a request is made, bound to folders and origins, scrubbed from what is kept."""

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from chronos_gitops.errors import ChronosError
from chronos_gitops.jobs.origin import Origin
from chronos_gitops.jobs.secret_bindings import Bindings
from chronos_gitops.jobs.templates import is_secret_name

LARGEST = 8 * 1024
"""Bytes of one secret: each written form of it must fit into what is kept of a response to be scrubbed of it."""


class SecretError(ChronosError):
    """A reference that cannot be resolved or may not be used here; names the reference, never a value."""

    kind = "secret"


def reference(name: str) -> str:
    return f"${{secret:{name}}}"


class Secrets:
    """Where values come from: ``values`` by secret name (the operator's environment), else files in ``folder``.

    Nothing is cached: a rotated file counts from the next request on.
    """

    def __init__(
        self,
        values: Mapping[str, str],
        folder: Path | None = None,
        bindings: Bindings | None = None,
    ) -> None:
        self._values = values
        self._folder = folder
        self._bindings = bindings or Bindings()

    def __repr__(self) -> str:
        return f"Secrets(folder={self._folder})"

    def lookup(self, name: str) -> str:
        """The value of ``${secret:name}``; SecretError when there is none."""
        if not is_secret_name(name):
            raise SecretError(f"{reference(name)[:140]!r} is not a reference to a secret", hint="names are kebab-case")
        value = self._values[name] if name in self._values else self._read(name)
        if value is None:
            variable = f"CHRONOS_SECRET_{name.upper().replace('-', '_')}"
            where = f"set {variable}" + (f" or write a file {name} into the secrets folder" if self._folder else "")
            raise SecretError(f"{reference(name)} has no value", hint=where)
        if not value:
            raise SecretError(f"{reference(name)} is empty")
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            raise SecretError(f"{reference(name)} is not UTF-8 text") from None
        if size > LARGEST:
            raise SecretError(f"{reference(name)} is larger than {LARGEST // 1024} KiB")
        return value

    def check_use(self, name: str, *, origin: Origin, path: str | None, shown: str = "") -> None:
        """Raises SecretError unless the operator lets this secret go to ``origin`` from a job in the file ``path``.

        ``shown`` stands in for an origin that is itself a secret.
        """
        refusal = self._bindings.refusal(name, origin=origin, path=path, shown=shown)
        if refusal is not None:
            raise SecretError(refusal.message, hint=refusal.hint)

    def _read(self, name: str) -> str | None:
        if self._folder is None:
            return None
        try:
            content = _read_inside(self._folder, name)
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
            reason = (error.strerror if isinstance(error, OSError) else "") or "a loop of links"
            raise SecretError(f"the file of {reference(name)} cannot be read: {reason}") from error
        try:
            return content.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise SecretError(f"the file of {reference(name)} is not UTF-8 text") from None


def _read_inside(folder: Path, name: str) -> bytes:
    """A regular file whose real place is inside the folder: Kubernetes links names to ``..data`` beside them."""
    root = folder.resolve(strict=True)
    real = (root / name).resolve(strict=True)
    if not real.is_relative_to(root):
        raise OSError(errno.EPERM, "it leads out of the secrets folder")
    # NONBLOCK: opening a FIFO would otherwise wait for a writer.
    descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        content = file.read(LARGEST + 3)
    if len(content) > LARGEST + 2:
        raise OSError(errno.EFBIG, "it is too large")
    return content
