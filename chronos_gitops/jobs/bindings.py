"""Where a secret may be used: the operator binds its name to folders of job files and to hosts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class SecretBinding:
    """Where a secret may be used: in jobs below these folders, towards these hosts or ``*.example.com``; () is all."""

    folders: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def refusal(self, *, host: str | None, path: str | None) -> str | None:
        """Why it may not be used there: ``may not be sent to x.example.com``; None when it may.

        ``host`` is None while it is not known, and then not judged. A file that is not known is in no folder.
        """
        if host is not None and self.hosts and not any(is_host_in(host, pattern) for pattern in self.hosts):
            return f"may not be sent to {host}"
        if self.folders and not any(is_path_in(path, folder) for folder in self.folders):
            return f"may not be used by {path or 'a job whose file is not known'}"
        return None


Bindings = Mapping[str, SecretBinding]
"""By the secret's name; one that is not there may be used anywhere."""


def is_host_in(host: str, pattern: str) -> bool:
    """``api.example.com`` is in itself and in ``*.example.com``; case and a final dot do not matter."""
    host, pattern = host.lower().rstrip("."), pattern.lower().rstrip(".")
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def is_path_in(path: str | None, folder: str) -> bool:
    """``jobs/team-a/x.yaml`` is in ``jobs/team-a``, not in ``jobs/team``."""
    return path is not None and PurePosixPath(path).is_relative_to(PurePosixPath(folder))
