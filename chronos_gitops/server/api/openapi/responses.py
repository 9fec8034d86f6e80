"""Values of the inner rooms as the JSON of CONTRACT 6: snake_case, RFC 3339 in UTC, credentials masked."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chronos_gitops import __version__
from chronos_gitops.engine.model import Attempt, Execution, ExecutionDetail, Pause, Status
from chronos_gitops.jobs import masking
from chronos_gitops.jobs.model import Job, JobVersion
from chronos_gitops.jobs.problem import Problem, Severity
from chronos_gitops.process.engine_priority import yielding
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.webhooks.curl_command import curl
from chronos_gitops.webhooks.request import AttemptContext, MaskedRequest, masked

if TYPE_CHECKING:
    from chronos_gitops.app import Service
    from chronos_gitops.sync.status import SyncStatus
    from chronos_gitops.versions.version_log import Version

Json = dict[str, Any]
USER_AGENT = f"chronos-gitops/{__version__}"
_NO_EXECUTION = "00000000-0000-0000-0000-000000000000"
MOST_PROBLEMS = 1000


def instant(moment: datetime | None) -> str | None:
    """``2026-03-08T07:00:00Z``, with milliseconds where there are any."""
    return None if moment is None else rfc3339(moment)


def state(job: Job, paused: Pause | None) -> str:
    """A pause is what an operator did last, so it shows even when git has disabled the job meanwhile."""
    if paused is not None:
        return "paused"
    return "enabled" if job.enabled else "disabled"


def jobs(
    service: "Service", definitions: Sequence[JobVersion], latest: Mapping[str, Execution] | None = None
) -> list[Json]:
    """Several jobs with one question to the engine for all of them; none where their newest runs are given."""
    pauses = service.engine.pauses()
    if latest is None:
        latest = service.engine.latest([definition.job.name for definition in definitions])
    return [_job(service, definition, pauses, latest) for definition in yielding(definitions)]


def job(service: "Service", definition: JobVersion) -> Json:
    return jobs(service, [definition])[0]


def _job(
    service: "Service", definition: JobVersion, pauses: Mapping[str, Pause], latest: Mapping[str, Execution]
) -> Json:
    name = definition.job.name
    following = service.next_runs(name, 1)
    last = latest.get(name)
    return _documents(definition.blob, definition.job) | {
        "id": definition.job.id,
        "state": state(definition.job, pauses.get(name)),
        "next_run": instant(following[0]) if following else None,
        "created_at": instant(definition.created_at),
        "updated_at": instant(definition.updated_at),
        "version": definition.version,
        "commit": definition.commit,
        "path": definition.path,
        "draft": definition.draft,
        "last_execution": None if last is None else execution(last),
        "pause": None if name not in pauses else pause(pauses[name]),
        "sync": sync_of(definition),
    }


class _Documents:
    """Jobs as JSON by the blob of their file, the half of a list's work that never changes. Bounded; harmless races."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._known: dict[str, Json] = {}

    def __call__(self, blob: str, job: Job) -> Json:
        """Not to be changed: it is the same for everybody."""
        found = self._known.get(blob)
        if found is None:
            if len(self._known) >= self._most:
                self._known.clear()
            found = self._known[blob] = masking.masked(job.document())
        return found


_documents = _Documents()


def sync_of(definition: JobVersion) -> Json:
    """How what runs relates to git: ``draft``: not committed; ``quarantined``: the last good version; or ``synced``."""
    problems = [problem(found) for found in definition.quarantined]
    if problems:
        return {"state": "quarantined", "problems": problems}
    return {"state": "draft" if definition.draft else "synced", "problems": []}


def pause(found: Pause) -> Json:
    return {"reason": found.reason, "by": found.by, "at": instant(found.at), "until": instant(found.until)}


def execution(found: Execution) -> Json:
    return {
        "id": found.id,
        "job": found.job,
        "scheduled_time": instant(found.scheduled_time),
        "trigger": found.trigger.value,
        "status": found.status.value,
        "waiting_for": found.waiting_for,
        "reason": found.reason,
        "attempts": found.attempts,
        "created_at": instant(found.created_at),
        "started_at": instant(found.started_at),
        "completed_at": instant(found.completed_at),
        "duration_ms": found.duration_ms,
        "status_code": found.status_code,
        "error_class": found.error_class,
        "error": found.error,
        "callback_deadline": instant(found.callback_deadline),
        "last_heartbeat_at": instant(found.heartbeat_at),
        "message": found.message,
        "version": found.version,
        "commit": found.commit,
        "count": found.count,
        "range_start": instant(found.range_start),
    }


def execution_detail(found: ExecutionDetail) -> Json:
    sent = None if found.execution.status is Status.SKIPPED else _sent(found)
    shown = {"request": None, "curl": None} if sent is None else {"request": request(sent), "curl": curl(sent)}
    return execution(found.execution) | {"attempts": [attempt(one) for one in found.attempts]} | shown


def _sent(found: ExecutionDetail) -> MaskedRequest | None:
    """The request of the newest attempt, or of the first one while there is none."""
    if found.job is None:
        return None
    seen = found.execution
    call = AttemptContext(seen.id, seen.scheduled_time, max(1, seen.attempts), seen.commit, path=seen.path)
    return masked(found.job, call, user_agent=USER_AGENT)


def attempt(found: Attempt) -> Json:
    return {
        "attempt": found.number,
        "started_at": instant(found.started_at),
        "duration_ms": found.duration_ms,
        "status_code": found.status_code,
        "error_class": found.error_class,
        "error": found.error,
        "response": found.response,
        "phases": None if found.phases is None else asdict(found.phases),
    }


def request(found: MaskedRequest) -> Json:
    return {"method": found.method, "url": found.url, "headers": dict(found.headers), "body": found.body}


def rehearsal(definition: JobVersion, now: datetime) -> Json:
    """The request that a trigger would send now."""
    call = AttemptContext(_NO_EXECUTION, now, 1, definition.commit, path=definition.path)
    planned = masked(definition.job, call, user_agent=USER_AGENT)
    return {"dry_run": True, "job": definition.job.name} | request(planned) | {"curl": curl(planned)}


def version(found: "Version", *, current: str | None, deployed_at: datetime | None) -> Json:
    return {
        "version": found.number,
        "commit": found.commit,
        "author": found.author_name,
        "author_email": found.author_email,
        "committed_at": instant(found.committed_at),
        "deployed_at": instant(deployed_at),
        "message": f"{found.subject}\n\n{found.body}".strip(),
        "change": found.change.value,
        "path": found.path,
        "current": found.commit == current,
    }


def problem(found: Problem) -> Json:
    return {
        "file": found.file,
        "line": found.line,
        "column": found.column,
        "severity": found.severity.value,
        "rule": found.rule,
        "message": found.message,
        "hint": found.hint,
    }


def worst(problems: Sequence[Problem]) -> Sequence[Problem]:
    """All of them; of more than MOST_PROBLEMS the worst: ten thousand jobs can have as many notes."""
    if len(problems) <= MOST_PROBLEMS:
        return problems
    ranks = list(Severity)
    return sorted(problems, key=lambda found: ranks.index(found.severity))[:MOST_PROBLEMS]


def sync(status: "SyncStatus") -> Json:
    held = status.held
    return {
        "state": status.state.value,
        "mode": status.mode,
        "branch": status.branch,
        "repository": status.repository,
        "revision": {
            "desired": status.revision.desired,
            "attempted": status.revision.attempted,
            "applied": status.revision.applied,
        },
        "reason": status.reason,
        "message": status.message,
        "problems": [problem(found) for found in worst(status.problems)],
        "problems_total": len(status.problems),
        "last_attempt_at": instant(status.last_attempt_at),
        "last_success_at": instant(status.last_success_at),
        "next_attempt_at": instant(status.next_attempt_at),
        "applied_at": instant(status.applied_at),
        "committed_at": instant(status.committed_at),
        "held": None if held is None else {"names": list(held.names), "checksum": held.checksum},
        "jobs": status.jobs,
        "quarantined": list(status.quarantined),
        "reload_ms": status.reload_ms,
        "history_epoch": status.history_epoch,
        "history": "partial" if status.is_history_partial else "complete",
    }
