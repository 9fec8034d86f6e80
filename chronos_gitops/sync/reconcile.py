"""A new tree against what runs: what to run next, what to keep, what to hold. Pure."""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.jobs.planning.plan import deletion_checksum, held_deletions
from chronos_gitops.jobs.problem import is_error
from chronos_gitops.jobs.validation.validate import FileResult, TreeResult
from chronos_gitops.sync.status import HeldDeletions, OnInvalid, SyncState, SyncStatus
from chronos_gitops.versions.history import Index, Versions
from chronos_gitops.versions.version_log import Version, VersionChange

_ALLOWANCE: Final = re.compile(r"^Chronos-Allow-Deletes:[ \t]*([0-9]{1,9})[ \t]*$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DesiredState:
    """What is to be settled: the loaded files at ``head``, the versions up to it, and the ids of what is committed."""

    head: str | None
    loaded: TreeResult
    index: Index
    committed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DeletionApproval:
    """Who agreed to deletions: an operator to exactly these (``checksum``), or the head commit to a ``count``."""

    checksum: str | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class SyncDecision:
    """``applied`` is False when nothing of the tree was taken and ``jobs`` is what ran before."""

    jobs: JobSet
    state: SyncState
    reason: str | None = None
    message: str = ""
    quarantined: tuple[str, ...] = ()
    held: HeldDeletions | None = None
    applied: bool = True


def reconcile(
    tree: DesiredState,
    running: JobSet,
    *,
    on_invalid: OnInvalid = OnInvalid.QUARANTINE,
    consent: DeletionApproval = DeletionApproval(),
    last_good: Mapping[str, JobVersion] | None = None,
) -> SyncDecision:
    """``last_good`` are definitions for broken files, by path, where nothing of that job runs yet."""
    fresh = {
        name: _unchanged(running.get(name), parsed, tree) or _define(name, parsed, tree)
        for name, parsed in tree.loaded.jobs.items()
    }
    broken = broken_files(tree.loaded)
    if broken and on_invalid is OnInvalid.REJECT:
        return _rejected(broken, running)
    kept = keep_broken(tree.loaded, fresh, running, tree.index, last_good or {})
    wanted = fresh | kept
    held = _held(tree, running, wanted, consent)
    if held is not None and not tree.loaded.files:
        message = f"no job file is left; {len(held.names)} jobs keep running until that is approved"
        return SyncDecision(running, SyncState.FAILED, "EmptyTree", message, held=held, applied=False)
    if held is not None:
        wanted = _without_deletions(wanted, held, running)
    jobs = JobSet.of(tree.head, wanted.values())
    names = tuple(sorted(_label(parsed, tree.loaded) for parsed in broken))
    reason, message = _reason(names, held)
    state = SyncState.SYNCED if reason is None else SyncState.DEGRADED
    return SyncDecision(jobs, state, reason, message, names, held)


def broken_files(loaded: TreeResult) -> tuple[FileResult, ...]:
    return tuple(parsed for parsed in loaded.files if parsed.job is None)


def allowed_deletions(message: str) -> int | None:
    """The number in the trailer ``Chronos-Allow-Deletes``, which stands in the last paragraph of a commit message."""
    found = _ALLOWANCE.findall(message.strip().rpartition("\n\n")[2])
    return int(found[-1]) if found else None


def make_definition(job: Job, path: str, blob: str, versions: Sequence[Version], version: Version | None) -> JobVersion:
    """A job together with its version and dates."""
    return JobVersion(
        job=job,
        path=path,
        blob=blob,
        version=None if version is None else version.number,
        commit=None if version is None else version.commit,
        created_at=_created_at(versions),
        updated_at=None if version is None else version.committed_at,
    )


def _created_at(versions: Sequence[Version]) -> datetime | None:
    """None where the history does not go back so far."""
    return versions[0].committed_at if versions and versions[0].change is not VersionChange.UNKNOWN else None


def _unchanged(known: JobVersion | None, parsed: FileResult, tree: DesiredState) -> JobVersion | None:
    """What runs already, when it is committed and its newest version: making 10,000 of them anew takes 200 ms."""
    if known is None or known.job is not parsed.job or known.draft or known.quarantined:
        return None
    versions = tree.index.versions(known.job.name)
    here = (parsed.path, parsed.blob)
    if not versions or tree.committed.get(parsed.path) != parsed.blob or (known.path, known.blob) != here:
        return None
    newest = versions[-1]
    was = (known.blob, known.version, known.commit, known.updated_at, known.created_at)
    now = (newest.blob, newest.number, newest.commit, newest.committed_at, _created_at(versions))
    return known if was == now else None


def _define(name: str, parsed: FileResult, tree: DesiredState) -> JobVersion:
    assert parsed.job is not None
    versions = tree.index.versions(name)
    draft = tree.committed.get(parsed.path) != parsed.blob
    latest = next((version for version in reversed(versions) if version.blob), None)
    version = latest if draft else tree.index.holding(name, parsed.blob) or latest
    return replace(make_definition(parsed.job, parsed.path, parsed.blob, versions, version), draft=draft)


def _label(parsed: FileResult, loaded: TreeResult) -> str:
    """The job that a broken file names; the path of a file whose name belongs to another one."""
    return parsed.path if parsed.name is None or parsed.path in loaded.duplicates else parsed.name


def keep_broken(
    loaded: TreeResult, fresh: Container[str], running: JobSet, index: Versions, last_good: Mapping[str, JobVersion]
) -> dict[str, JobVersion]:
    """The quarantine rule: a broken file keeps the job it names and the job at its path.

    Neither keeps what is from before a deletion, and a file whose name belongs to another one does not speak for it.
    ``fresh`` are the names of valid jobs, ``last_good`` definitions by path where nothing of that job runs.
    """
    broken = broken_files(loaded)
    by_path = {definition.path: definition for definition in running} if broken else {}
    kept: dict[str, JobVersion] = {}
    for parsed in broken:
        named = None if parsed.name is None or parsed.path in loaded.duplicates else running.get(parsed.name)
        here = by_path.get(parsed.path)
        if named is not None and is_deleted_since(named, index):
            named = None
        if here is not None and is_deleted_since(here, index, at_path=True):
            here = None
        for definition in (named, here, last_good.get(parsed.path)):
            if definition is None or definition.job.name in fresh or definition.job.name in kept:
                continue
            errors = tuple(problem for problem in parsed.problems if is_error(problem))
            kept[definition.job.name] = replace(definition, quarantined=errors)
    return kept


def is_deleted_since(definition: JobVersion, index: Versions, *, at_path: bool = False) -> bool:
    """Whether the history has a deletion of the job after this version of it.

    ``at_path`` asks about the file: one that only says another name is not deleted.
    """
    versions = index.versions(definition.job.name)
    at = next((at for at, version in enumerate(versions) if version.commit == definition.commit), len(versions))
    return any(not version.blob and not (at_path and version.file_stays) for version in versions[at + 1 :])


def _held(
    tree: DesiredState, running: JobSet, wanted: Mapping[str, JobVersion], consent: DeletionApproval
) -> HeldDeletions | None:
    gone = tuple(definition for definition in running if definition.job.name not in wanted)
    # The count speaks for a commit: what is deleted on disk only was not reviewed with it.
    committed = not any(tree.committed.get(definition.path) for definition in gone)
    names = held_deletions(running, JobSet(tree.head, wanted), allowed=consent.count if committed else None)
    if not names or consent.checksum == deletion_checksum(names):
        return None
    return HeldDeletions(names, deletion_checksum(names))


def _without_deletions(wanted: Mapping[str, JobVersion], held: HeldDeletions, running: JobSet) -> dict[str, JobVersion]:
    """The held jobs stay; a new job that took the file of a held one waits with it, or both names would run."""
    stay = {name: running.definitions[name] for name in held.names}
    taken = {definition.path for definition in stay.values()}
    return stay | {
        name: definition
        for name, definition in wanted.items()
        if definition.path not in taken or running.get(name) is not None
    }


def _rejected(broken: Sequence[FileResult], running: JobSet) -> SyncDecision:
    places = ", ".join(parsed.path for parsed in broken[:3])
    message = f"{len(broken)} invalid files, nothing was applied: {places}"
    return SyncDecision(running, SyncState.FAILED, "ValidationFailed", message, applied=False)


def _reason(names: Sequence[str], held: HeldDeletions | None) -> tuple[str | None, str]:
    if held is not None:
        return "UnsafePlan", f"{len(held.names)} deletions at once are held until they are approved"
    if names:
        return "ValidationFailed", f"{len(names)} invalid files; their jobs stay as they were: {', '.join(names[:5])}"
    return None, ""


def status_of(settlement: SyncDecision, before: SyncStatus, *, is_rewritten: bool) -> SyncStatus:
    """The status after a settlement; a history that was rewritten is the news where there is nothing worse."""
    revision = before.revision
    is_news = is_rewritten and settlement.reason is None
    return replace(
        before,
        state=settlement.state,
        has_job_set=before.has_job_set or settlement.applied,
        reason="HistoryRewritten" if is_news else settlement.reason,
        message="the history was rewritten; versions are numbered anew" if is_news else settlement.message,
        revision=replace(revision, applied=revision.attempted) if settlement.applied else revision,
        held=settlement.held,
        quarantined=settlement.quarantined,
    )
