"""The pages of docs/reference and the schemas, made of what the program knows.

``make docs`` writes them, a test finds them stale.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from harness.reference import api, commands, job, man, metrics, prometheus_rule, settings

from chronos_gitops.cli.reports.problems import rule_docs
from chronos_gitops.jobs.schemas import schemas

ROOT = Path(__file__).parents[3]
PAGES: Mapping[str, Callable[[], str]] = {
    "docs/reference/rules.md": rule_docs.page,
    "docs/reference/job.md": job.page,
    "docs/reference/commands.md": commands.page,
    "docs/reference/chronos-gitops.1": man.page,
    "docs/reference/settings.md": settings.page,
    "docs/reference/api.md": api.page,
    "docs/reference/openapi.json": api.openapi,
    "docs/reference/metrics.md": metrics.page,
    "deploy/kubernetes/monitoring/prometheus-rule.yaml": prometheus_rule.page,
    "deploy/helm/chronos-gitops/alerts.yaml": prometheus_rule.of_the_chart,
    **{f"schemas/{kind}.schema.json": partial(schemas.text, kind) for kind in schemas.KINDS},
}
