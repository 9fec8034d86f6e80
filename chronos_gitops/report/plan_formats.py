"""The formats of ``plan`` by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from chronos_gitops.jobs.plan import Plan
from chronos_gitops.report import plan_json, plan_markdown, plan_text
from chronos_gitops.report.plan_words import Sides


class RenderPlan(Protocol):
    def __call__(self, plan: Plan, sides: Sides = ...) -> str: ...


PLAN_FORMATS: Mapping[str, RenderPlan] = MappingProxyType(
    {"text": plan_text.render, "json": plan_json.render, "markdown": plan_markdown.render}
)
