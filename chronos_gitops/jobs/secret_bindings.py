"""Where a secret may be used: the operator binds its name to folders of job files and to origins (TEAMS 1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Literal, NamedTuple

from chronos_gitops.jobs.origin import Origin, OriginPattern

Unbound = Literal["refuse", "anywhere"]


@dataclass(frozen=True, slots=True)
class SecretBinding:
    """Where a secret may be used: in job files below these folders, towards these origins; () is all."""

    folders: tuple[str, ...] = ()
    origins: tuple[OriginPattern, ...] = ()


class Refusal(NamedTuple):
    """Why a secret may not be used, as a finding: no value of a secret is in it."""

    rule: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Bindings:
    """By the secret's name; ``unbound`` is what a secret that is not there may do."""

    by_name: Mapping[str, SecretBinding] = field(default_factory=lambda: MappingProxyType({}))
    unbound: Unbound = "anywhere"

    @property
    def is_open(self) -> bool:
        """Whether every secret may be used everywhere."""
        return not self.by_name and self.unbound == "anywhere"

    def refusal(self, name: str, *, origin: Origin | None, path: str | None, shown: str = "") -> Refusal | None:
        """Why the file ``path`` may not send this secret to ``origin``; None when it may.

        The one judgement of a use, on load and when a request is made. ``origin`` is None while it is not known, and
        then not judged; a file that is not known is in no folder. ``shown`` stands in for an origin that is a secret.
        """
        binding = self.by_name.get(name)
        if binding is None:
            return None if self.unbound == "anywhere" else _unbound(name, origin, path, shown)
        if binding.folders and not any(is_path_in(path, folder) for folder in binding.folders):
            return _refusal(name, f"used by {path or 'a job whose file is not known'}")
        if origin is not None and binding.origins and not any(one.holds(origin) for one in binding.origins):
            return _refusal(name, f"sent to {f'the address that {shown} holds' if shown else origin}")
        return None


def _refusal(name: str, use: str) -> Refusal:
    return Refusal("secret-binding", f'the secret "{name}" may not be {use}', "see secrets.bind in chronos.toml")


def _unbound(name: str, origin: Origin | None, path: str | None, shown: str) -> Refusal:
    message = f'the secret "{name}" is bound to nothing, and this runner refuses such secrets'
    folder = str(PurePosixPath(path).parent) if path else ""
    folders = f'folders = ["{folder}"]' if folder not in ("", ".") else ""
    origins = f'origins = ["{origin}"]' if origin is not None and not shown else ""
    table = ", ".join(filter(None, (folders, origins)))
    return Refusal("secret-unbound", message, f"in chronos.toml: secrets.bind.{name} = {{ {table} }}")


def is_host_in(host: str, pattern: str) -> bool:
    """``api.example.com`` is in itself and in ``*.example.com``; case and a final dot do not matter."""
    host, pattern = host.lower().rstrip("."), pattern.lower().rstrip(".")
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def is_path_in(path: str | None, folder: str) -> bool:
    """``jobs/team-a/x.yaml`` is in ``jobs/team-a``, not in ``jobs/team``."""
    return path is not None and PurePosixPath(path).is_relative_to(PurePosixPath(folder))
