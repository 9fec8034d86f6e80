"""The pages of docs/reference, made of what the program knows; ``make docs`` writes them, a test finds them stale."""

from collections.abc import Callable, Mapping
from pathlib import Path

from support.reference import api, commands, job, metrics, settings

from chronos_gitops.report import rule_pages

ROOT = Path(__file__).parents[3]
PAGES: Mapping[str, Callable[[], str]] = {
    "docs/rules.md": rule_pages.page,
    "docs/reference/job.md": job.page,
    "docs/reference/commands.md": commands.page,
    "docs/reference/settings.md": settings.page,
    "docs/reference/api.md": api.page,
    "docs/reference/metrics.md": metrics.page,
}
