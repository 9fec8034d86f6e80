"""The formats of ``plan`` by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from chronos_gitops.jobs.planning.plan import Plan
from chronos_gitops.plans import json, markdown, text
from chronos_gitops.plans.wording import Sides


class RenderPlan(Protocol):
    def __call__(self, plan: Plan, sides: Sides = ..., *, show_all: bool = ...) -> str: ...


PLAN_FORMATS: Mapping[str, RenderPlan] = MappingProxyType(
    {"text": text.render, "json": json.render, "markdown": markdown.render}
)
