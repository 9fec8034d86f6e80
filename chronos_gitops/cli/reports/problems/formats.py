"""The formats of ``validate`` by name; a format's module is imported when it is used."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType

from chronos_gitops.jobs.problem import Problem

Render = Callable[[Sequence[Problem], int], str]
"""Ordered problems and the number of files looked at, to text that ends with a line break unless it is empty."""


def _render(name: str) -> Render:
    def render(problems: Sequence[Problem], files: int) -> str:
        text: str = import_module(f"chronos_gitops.cli.reports.problems.{name}").render(problems, files)
        return text

    return render


FORMATS: Mapping[str, Render] = MappingProxyType(
    {name: _render(name) for name in ("full", "concise", "json", "jsonl", "github", "gitlab", "junit", "sarif")}
)
