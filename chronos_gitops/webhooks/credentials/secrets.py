"""Secrets: looked up when a request is made, bound to folders and origins, scrubbed from what is kept."""

import errno
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from chronos_gitops.errors import ChronosError
from chronos_gitops.jobs.origins.origin import Origin
from chronos_gitops.jobs.secrets.bindings import Bindings
from chronos_gitops.jobs.secrets.usage import SecretState, variable
from chronos_gitops.jobs.templates.templates import is_secret_name
from chronos_gitops.process.small_files import read_beginning

LARGEST = 8 * 1024
"""Bytes of one secret: each written form of it must fit into what is kept of a response to be scrubbed of it."""


class SecretError(ChronosError):
    """A reference that cannot be resolved or may not be used here; names the reference, never a value.

    ``state`` is what the error says of the secret.
    """

    kind = "secret"

    def __init__(self, message: str, *, hint: str = "", state: SecretState = SecretState.REFUSED) -> None:
        super().__init__(message, hint=hint)
        self.state = state


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
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._values = values
        self._since = now()
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
            where = f"set {variable(name)}" + (
                f" or write a file {name} into the secrets folder" if self._folder else ""
            )
            raise SecretError(f"{reference(name)} has no value", hint=where, state=SecretState.MISSING)
        if not value:
            raise SecretError(f"{reference(name)} is empty", state=SecretState.EMPTY)
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            raise SecretError(f"{reference(name)} is not UTF-8 text", state=SecretState.UNREADABLE) from None
        if size > LARGEST:
            raise SecretError(f"{reference(name)} is larger than {LARGEST // 1024} KiB", state=SecretState.TOO_LARGE)
        return value

    def changed_at(self, name: str) -> datetime | None:
        """When the file of the secret was written; for a value of the environment, since when this process has it."""
        if name in self._values or self._folder is None:
            return self._since
        try:
            return _instant(os.stat(f"{self._folder}/{name}").st_mtime_ns // 1_000_000)  # noqa: PTH116 - asked by each attempt; a Path takes twice as long
        except OSError:
            return None

    def state(self, name: str) -> SecretState:
        """The state of a value: OK, or why ``lookup`` refuses it."""
        try:
            self.lookup(name)
        except SecretError as error:
            return error.state
        return SecretState.OK

    def names(self) -> frozenset[str]:
        """Every secret that has a value or a file here, readable or not."""
        try:
            files = [] if self._folder is None else [entry.name for entry in self._folder.iterdir()]
        except OSError:
            files = []
        return frozenset(filter(is_secret_name, [*self._values, *files]))

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
            is_large = isinstance(error, OSError) and error.errno == errno.EFBIG
            state = SecretState.TOO_LARGE if is_large else SecretState.UNREADABLE
            raise SecretError(f"the file of {reference(name)} cannot be read: {reason}", state=state) from error
        try:
            return content.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            message = f"the file of {reference(name)} is not UTF-8 text"
            raise SecretError(message, state=SecretState.UNREADABLE) from None


@lru_cache(maxsize=1000)
def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _read_inside(folder: Path, name: str) -> bytes:
    """A regular file whose real place is inside the folder: Kubernetes links names to ``..data`` beside them."""
    root = folder.resolve(strict=True)
    real = (root / name).resolve(strict=True)
    if not real.is_relative_to(root):
        raise OSError(errno.EPERM, "it leads out of the secrets folder")
    content = read_beginning(real, limit=LARGEST + 3, follow_link=False)
    if len(content) > LARGEST + 2:
        raise OSError(errno.EFBIG, "it is too large")
    return content
