"""Private hosts that the operator expects in job files, and that need no note."""

import re
from collections.abc import Iterable

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.rules.url import private_host
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class PrivateHosts:
    """``hosts`` are names and addresses in lower case, and suffixes as ``*.example.internal``."""

    hosts: tuple[str, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "PrivateHosts":
        """Texts with one host or several. ValueError for one that is no host."""
        hosts = tuple(host.lower().removesuffix(".") for text in texts for host in re.split(r"[\s,]+", text) if host)
        wrong = next((host for host in hosts if "*" in host.removeprefix("*.") or "/" in host), None)
        if wrong is not None:
            raise ValueError(f'"{wrong}" is no host; write a host, or a suffix like *.example.internal')
        return cls(hosts)

    def without_notes(self, problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
        """The problems without the notes ``private-host`` about these hosts."""
        if not self.hosts:
            return problems
        return tuple(one for one in problems if (host := private_host(one)) is None or not self._has(host))

    def _has(self, host: str) -> bool:
        name = host.removesuffix(".")
        return any(name.endswith(one[1:]) if one.startswith("*.") else name == one for one in self.hosts)
