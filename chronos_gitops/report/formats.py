"""The formats of ``validate`` by name."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.report import (
    concise,
    full,
    github,
    gitlab,
    json,
    jsonl,
    junit,
    sarif,
)

Render = Callable[[Sequence[Problem], int], str]
"""Ordered problems and the number of files looked at, to text that ends with a line break unless it is empty."""


FORMATS: Mapping[str, Render] = MappingProxyType(
    {
        "full": full.render,
        "concise": concise.render,
        "json": json.render,
        "jsonl": jsonl.render,
        "github": github.render,
        "gitlab": gitlab.render,
        "junit": junit.render,
        "sarif": sarif.render,
    }
)
