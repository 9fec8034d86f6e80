"""Values of the inner rooms as the JSON of CONTRACT 6: snake_case, RFC 3339 in UTC, credentials masked."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chronos_gitops import __version__
from chronos_gitops.engine.answers.version_outcomes import VersionOutcomes
from chronos_gitops.engine.model import Attempt, Execution, ExecutionDetail, Gate, Pause, Status
from chronos_gitops.git.errors import GitError
from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.layers.effective import EffectiveDocument
from chronos_gitops.jobs.layers.value_sources import value_sources
from chronos_gitops.jobs.model import Job, JobVersion
from chronos_gitops.jobs.problem import Problem, Severity
from chronos_gitops.jobs.secrets import masking
from chronos_gitops.jobs.state import state_of
from chronos_gitops.process.engine_priority import yielding
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.server.api import job_health, secret_places
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.job_health import JobSearch
from chronos_gitops.versions.version import VersionChange
from chronos_gitops.webhooks.curl_command import curl
from chronos_gitops.webhooks.observed import Observed
from chronos_gitops.webhooks.request import AttemptContext, MaskedRequest, masked

if TYPE_CHECKING:
    from chronos_gitops.expectations.judging.state import Expectation
    from chronos_gitops.expectations.preflight.records import PreflightFailure
    from chronos_gitops.service import Service
    from chronos_gitops.sync.status import HeldDeletions, SyncStatus
    from chronos_gitops.versions.version import Version

Json = dict[str, Any]
USER_AGENT = f"chronos-gitops/{__version__}"
_NO_EXECUTION = "00000000-0000-0000-0000-000000000000"
MOST_PROBLEMS = 1000


def instant(moment: datetime | None) -> str | None:
    """``2026-03-08T07:00:00Z``, with milliseconds where there are any."""
    return None if moment is None else rfc3339(moment)


def jobs(service: "Service", found: Sequence[JobSearch]) -> list[Json]:
    pauses = service.engine.pauses()
    return [_job(service, one, pauses) for one in yielding(found)]


def job(service: "Service", definition: JobVersion) -> Json:
    return jobs(service, job_health.search(service, [definition]))[0]


def _job(service: "Service", found: JobSearch, pauses: Mapping[str, Pause]) -> Json:
    definition, last = found.definition, found.latest
    name = definition.job.name
    following = service.next_runs(name, 1)
    return _documents(definition.identity, definition.job) | {
        "id": definition.job.id,
        "state": state_of(definition.job, service.now(), is_paused=name in pauses).value,
        "health": found.standing.value,
        "next_run": instant(following[0]) if following else None,
        "created_at": instant(definition.created_at),
        "updated_at": instant(definition.updated_at),
        "version": definition.version,
        "commit": definition.commit,
        "path": definition.path,
        "draft": definition.draft,
        "draft_files": list(definition.draft_files),
        "environment": definition.identity.environment,
        "last_execution": None if last is None else execution(last),
        "pause": None if name not in pauses else pause(pauses[name]),
        "sync": sync_of(definition),
        "warnings": [found.document() for found in secret_places.warnings(service, name)],
    }


class _Documents:
    """Jobs as JSON by their definition, the half of a list's work that never changes. Bounded; harmless races."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._known: dict[DefinitionId, Json] = {}

    def __call__(self, identity: DefinitionId, job: Job) -> Json:
        """Not to be changed: it is the same for everybody."""
        found = self._known.get(identity)
        if found is None:
            if len(self._known) >= self._most:
                self._known.clear()
            found = self._known[identity] = masking.masked(job.document())
        return found


_documents = _Documents()


def sources(service: "Service", definition: JobVersion) -> Json:
    """Empty where what the job was made of can no longer be read."""
    with suppress(GitError):
        effective = service.follower.effective(definition)
        if effective is not None:
            return places(effective.document, definition.job)
    return {}


def preflight(found: "PreflightFailure | None") -> Json | None:
    if found is None:
        return None
    return {
        "check": found.check.value,
        "scheduled_time": instant(found.scheduled_time),
        "host": found.host,
        "message": found.message,
        "since": instant(found.since),
    }


def expectation(found: "Expectation") -> Json:
    return {
        "kind": found.kind.value,
        "limit": found.limit,
        "state": found.state.value,
        "due_at": instant(found.due_at),
        "since": instant(found.since),
        "found": found.found,
        "execution": found.execution,
    }


def places(document: EffectiveDocument, job: Job) -> Json:
    """The place of each value of the job that is not built in."""
    found = value_sources(document, job.document())
    return {field: {"file": at.file, "line": at.line, "column": at.column} for field, at in found.items()}


def sync_of(definition: JobVersion) -> Json:
    """Sync state of a running definition: ``draft``: not committed; ``quarantined``: its last good version runs; or
    ``synced``."""
    problems = [caller_scope.without_other_jobs(found).document() for found in definition.quarantined]
    if problems:
        return {"state": "quarantined", "problems": problems}
    return {"state": "draft" if definition.draft else "synced", "problems": []}


def pause(found: Pause) -> Json:
    return {
        "reason": found.reason,
        "by": found.by,
        "at": instant(found.at),
        "until": instant(found.until),
        "bulk": found.bulk,
        "version": found.version,
    }


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
        "draft": found.draft,
        "base": base(found),
        "count": found.count,
        "range_start": instant(found.range_start),
        "calendar": None if found.calendar is None else asdict(found.calendar),
        "moved_to": instant(found.moved_to),
        "moved_from": instant(found.moved_from),
        "replay": found.replay,
        "replay_of": found.replay_of,
        "idempotency_key": found.idempotency_key,
        "variables": None if found.variables is None else dict(found.variables),
        "requires": None if found.requires is None else _gate(found.requires),
    }


def _gate(found: Gate) -> Json:
    """The execution that opened it is not shown to callers who do not see its job."""
    shown = found.execution if caller_scope.sees(found.job) else None
    return {"job": found.job, "met": found.met, "execution": shown}


def base(found: Execution) -> Json | None:
    """The committed version that a draft was made from; None for no draft, and for a file that was never committed."""
    if found.base_version is None and found.base_commit is None:
        return None
    return {"version": found.base_version, "commit": found.base_commit}


def execution_detail(found: ExecutionDetail) -> Json:
    sent = None if found.execution.status is Status.SKIPPED else _sent(found)
    shown = {"request": None, "curl": None} if sent is None else {"request": request(sent), "curl": curl(sent)}
    last = found.attempts[-1].observed if found.attempts else None
    attempts = {"attempts": [attempt(one) for one in found.attempts]}
    return execution(found.execution) | attempts | shown | {"context": None if last is None else context(last)}


def context(found: Observed) -> Json:
    """Of a secret only when it changed: a fingerprint is for comparing alone."""
    leaf = found.certificate
    certificate = leaf and {
        "sha256": leaf.sha256,
        "not_before": instant(leaf.not_before),
        "not_after": instant(leaf.not_after),
    }
    secrets = {name: {"changed_at": instant(seen.changed_at)} for name, seen in sorted(found.secrets.items())}
    texts = {"tzdata": found.tzdata, "runner": found.runner}
    return {"address": found.address, "certificate": certificate, "secrets": secrets} | texts


def _sent(found: ExecutionDetail) -> MaskedRequest | None:
    """The request of the newest attempt, or of the first one while there is none."""
    if found.job is None:
        return None
    seen = found.execution
    call = AttemptContext(
        seen.id,
        seen.scheduled_time,
        max(1, seen.attempts),
        seen.commit,
        path=seen.path,
        idempotency_key=seen.idempotency_key or "",
    )
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
        "response_headers": None if found.observed is None else dict(found.observed.headers),
        "phases": None if found.phases is None else asdict(found.phases),
    }


def request(found: MaskedRequest) -> Json:
    return {"method": found.method, "url": found.url, "headers": dict(found.headers), "body": found.body}


def rehearsal(definition: JobVersion, now: datetime) -> Json:
    """The request that a trigger would send now."""
    call = AttemptContext(_NO_EXECUTION, now, 1, definition.sent_commit, path=definition.path)
    planned = masked(definition.job, call, user_agent=USER_AGENT)
    return {"dry_run": True, "job": definition.job.name} | request(planned) | {"curl": curl(planned)}


def version(found: "Version", *, files: Sequence[str], current: str | None, deployed_at: datetime | None) -> Json:
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
        "environments": None if found.reach.environments is None else list(found.reach.environments),
        "effective": _effective(found),
        "files": list(files),
    }


def _effective(found: "Version") -> bool | None:
    """Contents are compared as soon as a layer stands anywhere, and a caller with folders must not learn that."""
    is_shown = found.change is VersionChange.INHERITED or not caller_scope.is_limited()
    return found.reach.effective if is_shown else None


def version_outcomes(found: VersionOutcomes) -> Json:
    times = {name: instant(getattr(found, name)) for name in ("first_failure", "since", "until")}
    return asdict(found) | times


def layer_reach(file: str, names: Sequence[str]) -> Json:
    """A layer with the number of jobs that inherit from it, and the names of the first ten."""
    return {"file": file, "jobs": len(names), "job_names": list(names[:10])}


def _held(held: "HeldDeletions") -> Json:
    return {"names": list(held.names), "disabled": list(held.disabled), "checksum": held.checksum}


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
        "environment": status.environment,
        "revision": {
            "desired": status.revision.desired,
            "attempted": status.revision.attempted,
            "applied": status.revision.applied,
        },
        "reason": status.reason,
        "message": status.message,
        "problems": [found.document() for found in worst(status.problems)],
        "problems_total": len(status.problems),
        "last_attempt_at": instant(status.last_attempt_at),
        "last_success_at": instant(status.last_success_at),
        "next_attempt_at": instant(status.next_attempt_at),
        "applied_at": instant(status.applied_at),
        "committed_at": instant(status.committed_at),
        "held": None if held is None else _held(held),
        "unverified": [asdict(one) for one in status.unverified],
        "vouched": [asdict(one) for one in status.vouched],
        "jobs": status.jobs,
        "quarantined": list(status.quarantined),
        "broken_layers": [layer_reach(one.file, one.quarantined) for one in status.broken_layers],
        "reload_ms": status.reload_ms,
        "history_epoch": status.history_epoch,
        "history": "partial" if status.is_history_partial else "complete",
    }
