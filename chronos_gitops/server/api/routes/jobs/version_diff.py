"""Two versions of a job side by side: fields, text, next runs."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.planning import text_diff
from chronos_gitops.jobs.planning.plan import field_changes
from chronos_gitops.server.api.openapi import responses

if TYPE_CHECKING:
    from chronos_gitops.server.api.routes.jobs.versions import VersionContent

RUNS_SHOWN = 5


def versions(before: "VersionContent | None", after: "VersionContent", *, now: datetime) -> dict[str, Any]:
    """``fields, unified, truncated, next_runs_before, next_runs_after``; None stands for "no file"."""
    old, new = None if before is None else before.job, after.job
    lines = unified(before, after)
    return {
        "fields": fields(old, new),
        "unified": lines.text,
        "truncated": lines.truncated,
        "next_runs_before": runs(old, after=now),
        "next_runs_after": runs(new, after=now),
    }


def fields(old: Job | None, new: Job | None) -> list[dict[str, Any]]:
    """Every field that differs, dotted; none where a job appears or goes, or cannot be read: the text tells that."""
    if old is None or new is None:
        return []
    changes = field_changes(old, new)
    return [{"field": change.field, "before": change.before, "after": change.after} for change in changes]


def unified(before: "VersionContent | None", after: "VersionContent") -> text_diff.UnifiedDiff:
    return text_diff.unified(_lines(before), _lines(after), before=_label(before), after=_label(after))


def runs(job: Job | None, *, after: datetime) -> list[str | None]:
    """The next ticks this job would have; none while it is disabled."""
    if job is None or not job.enabled:
        return []
    return [responses.instant(tick) for tick in job.schedule.upcoming(after, RUNS_SHOWN)]


def _lines(then: "VersionContent | None") -> list[str]:
    return ((then and then.yaml) or "").splitlines()


def _label(then: "VersionContent | None") -> str:
    if then is None or then.source is None:
        return "/dev/null"
    return f"{then.version.path}@{then.version.label}"
