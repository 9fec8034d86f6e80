"""``select`` of a bulk call: which of the jobs that the caller sees, as they are at this moment."""

from collections.abc import Mapping
from typing import Any

from chronos_gitops.jobs.folders import is_path_in
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.params import job_lookup
from chronos_gitops.server.api.params.body import InvalidBody
from chronos_gitops.server.api.request_context import service


def jobs(select: Mapping[str, Any]) -> tuple[str, ...]:
    """Names in order. InvalidBody for no selector, or ``all`` beside others; NotFoundError for a job that is none."""
    _check(select)
    tags = set(select.get("tags", {}).items())
    named = {job_lookup.definition(service(), name).job.name for name in select.get("jobs", ())}
    bulk, pauses = select.get("bulk"), service().engine.pauses() if "bulk" in select else {}

    def is_selected(definition: JobVersion) -> bool:
        pause = pauses.get(definition.job.name)
        return (
            tags <= set(definition.job.tags)
            and ("jobs" not in select or definition.job.name in named)
            and ("folder" not in select or is_path_in(definition.path, select["folder"]))
            and (bulk is None or (pause is not None and pause.bulk == bulk))
        )

    return tuple(definition.job.name for definition in caller_scope.jobs() if is_selected(definition))


def text(select: Mapping[str, Any]) -> str:
    """``tag team=billing, folder jobs/billing``: for the audit log."""
    words = [f"tag {key}={value}" for key, value in select.get("tags", {}).items()]
    words += [f"{name} {select[name]}" for name in ("folder", "bulk") if name in select]
    words += [f"jobs {', '.join(select['jobs'])}"] if "jobs" in select else []
    return ", ".join(words) or "all jobs"


def _check(select: Mapping[str, Any]) -> None:
    given = [name for name in select if name != "all" or select["all"]]
    if not given:
        raise InvalidBody(
            '"select" selects nothing.',
            hint='Name jobs, tags or a folder; {"all": true} selects every job.',
            command_hint="Name jobs, tags or a folder; --all selects every job.",
        )
    if "all" in given and len(given) > 1:
        raise InvalidBody('"all" stands beside other selectors.', hint="Leave out all, or everything else.")
