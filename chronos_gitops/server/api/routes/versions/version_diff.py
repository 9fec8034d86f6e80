"""Two versions of a job side by side: fields, text, next runs."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.planning import text_diff
from chronos_gitops.jobs.planning.plan import field_changes
from chronos_gitops.jobs.secrets import masking
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.versions.version_content import VersionContent
from chronos_gitops.versions.layer_history import reaching
from chronos_gitops.versions.version import Version

RUNS_SHOWN = 5
_MOST_LAYERS = 20


def versions(before: VersionContent | None, after: VersionContent, *, now: datetime) -> dict[str, Any]:
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


def unified(before: VersionContent | None, after: VersionContent) -> text_diff.UnifiedDiff:
    """The text of the job's file, then that of each layer above it; callers who see some jobs only see no layers."""
    parts = [text_diff.unified(_lines(before), _lines(after), before=_label(before), after=_label(after))]
    if before is not None and not caller_scope.is_limited():
        parts += _layers(before.version, after.version)
    return text_diff.UnifiedDiff("".join(part.text for part in parts), any(part.truncated for part in parts))


def _layers(before: Version, after: Version) -> Iterator[text_diff.UnifiedDiff]:
    was, now = before.layers.blobs, after.layers.blobs
    changed = (path for path in sorted(was.keys() | now.keys()) if was.get(path) != now.get(path))
    for path in islice(reaching(changed, after.path), _MOST_LAYERS):
        old, new = ((side.get(path), version) for side, version in ((was, before), (now, after)))
        lines = [_layer_lines(blob) for blob, _ in (old, new)]
        names = [f"{path}@{version.label}" if blob else "/dev/null" for blob, version in (old, new)]
        yield text_diff.unified(*lines, before=names[0], after=names[1])


def _layer_lines(blob: str | None) -> list[str]:
    if blob is None:
        return []
    text = service().follower.read(blob).decode("utf-8", "replace")
    return masking.masked_file(text, None).splitlines()


def runs(job: Job | None, *, after: datetime) -> list[str | None]:
    """The next ticks this job would have; none while it is disabled."""
    if job is None or not job.enabled:
        return []
    return [responses.instant(tick) for tick in job.timing.upcoming(after, RUNS_SHOWN)]


def _lines(then: VersionContent | None) -> list[str]:
    return ((then and then.yaml) or "").splitlines()


def _label(then: VersionContent | None) -> str:
    if then is None or then.source is None:
        return "/dev/null"
    return f"{then.version.path}@{then.version.label}"
