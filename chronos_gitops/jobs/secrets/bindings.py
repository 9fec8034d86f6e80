"""Bindings of secrets: the operator binds a name to folders of job files and to origins (TEAMS 1)."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Literal

from chronos_gitops.jobs.folders import is_path_in
from chronos_gitops.jobs.origins.origin import Origin, OriginPattern
from chronos_gitops.jobs.secrets.audiences import Audiences
from chronos_gitops.jobs.secrets.refusal import SecretRefusal
from chronos_gitops.process.lazy_dataclass import dataclass

Unbound = Literal["refuse", "anywhere"]


@dataclass(frozen=True, slots=True)
class SecretBinding:
    """Where a secret may be used: in job files below these folders, towards these origins; () is all."""

    folders: tuple[str, ...] = ()
    origins: tuple[OriginPattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Bindings:
    """By the secret's name; ``unbound`` is what a secret that is not there may do. ``audiences`` are those of identity
    tokens."""

    by_name: Mapping[str, SecretBinding] = field(default_factory=lambda: MappingProxyType({}))
    unbound: Unbound = "anywhere"
    audiences: Audiences = field(default_factory=Audiences)

    @property
    def is_open(self) -> bool:
        """True if every secret may be used everywhere."""
        return not self.by_name and self.unbound == "anywhere"

    def refusal(self, name: str, *, origin: Origin | None, path: str | None, shown: str = "") -> SecretRefusal | None:
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


def _refusal(name: str, use: str) -> SecretRefusal:
    return SecretRefusal("secret-binding", f'the secret "{name}" may not be {use}', "see secrets.bind in chronos.toml")


def _unbound(name: str, origin: Origin | None, path: str | None, shown: str) -> SecretRefusal:
    message = f'the secret "{name}" is bound to nothing, and this runner refuses such secrets'
    folder = str(PurePosixPath(path).parent) if path else ""
    folders = [folder] if folder not in ("", ".") else []
    line = binding_line(name, folders, [str(origin)] if origin is not None and not shown else None)
    return SecretRefusal("secret-unbound", message, f"in chronos.toml: {line}")


def binding_line(name: str, folders: Sequence[str], origins: Sequence[str] | None) -> str:
    """One binding as a line of chronos.toml. Without a key where ``folders`` is empty or ``origins`` is None."""
    parts = [f"folders = {_array(folders)}"] if folders else []
    parts += [] if origins is None else [f"origins = {_array(origins)}"]
    return f"secrets.bind.{name} = {{ {', '.join(parts)} }}"


def _array(values: Sequence[str]) -> str:
    return "[" + ", ".join(map(_quoted, values)) + "]"


def _quoted(text: str) -> str:
    """A basic string of TOML: authors choose the names of folders, and an operator pastes the line."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
