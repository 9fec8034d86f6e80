"""A new tree against what runs: what to run next, what to keep, what to hold. Pure."""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from typing import Final

from chronos_gitops.jobs.bound_jobs import bound
from chronos_gitops.jobs.layers.file_roles import FileRole
from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.jobs.planning.held import deletion_checksum, disabled_by_layers, held_deletions
from chronos_gitops.jobs.problem import is_error
from chronos_gitops.jobs.validation.validate import FileResult, TreeResult
from chronos_gitops.plurals import plural, some
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.sync.content.definitions import DefinedJobs, DesiredState
from chronos_gitops.sync.environments import disagreement
from chronos_gitops.sync.status import BrokenLayer, HeldDeletions, OnInvalid, SyncState, SyncStatus, counted
from chronos_gitops.versions.history import Versions

_ALLOWANCE: Final = re.compile(r"^Chronos-Allow-Deletes:[ \t]*([0-9]{1,9})[ \t]*$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DeletionApproval:
    """An approval of deletions: by an operator for exactly these (``checksum``), or by the head commit for a
    ``count``."""

    checksum: str | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class SyncDecision:
    """``applied`` is False when nothing of the tree was taken and ``jobs`` is what ran before. ``not_running`` are
    those of ``quarantined`` of which there is no last good version, ``broken_layers`` why the jobs below them are, and
    ``quarantined_paths`` the files of jobs with a name, and ``other_kinds`` what those are that are no jobs."""

    jobs: JobSet
    state: SyncState
    reason: str | None = None
    message: str = ""
    quarantined: tuple[str, ...] = ()
    not_running: tuple[str, ...] = ()
    broken_layers: tuple[BrokenLayer, ...] = ()
    held: HeldDeletions | None = None
    applied: bool = True
    quarantined_paths: Mapping[str, str] = field(default_factory=dict, hash=False)
    other_kinds: Mapping[str, FileRole] = field(default_factory=dict, hash=False)


_NO_APPROVAL = DeletionApproval()


def reconcile(
    tree: DesiredState,
    running: JobSet,
    *,
    on_invalid: OnInvalid = OnInvalid.QUARANTINE,
    consent: DeletionApproval = _NO_APPROVAL,
    last_good: Mapping[str, JobVersion] | None = None,
    now: datetime | None = None,
    defined: DefinedJobs | None = None,
) -> SyncDecision:
    """``last_good`` are definitions for broken files, by path, where nothing of that job runs yet. ``now`` says which
    jobs a layer ends; without it none. ``defined`` knows the definitions of the tree before."""
    stranger = disagreement(tree.environment, tree.loaded.layers.environments)
    if stranger is not None:
        return SyncDecision(running, SyncState.FAILED, "UnknownEnvironment", stranger, applied=False)
    fresh = (defined or DefinedJobs()).of(tree, running)
    broken, policies = broken_files(tree.loaded), unreadable_policies(tree.loaded)
    broken_calendars = tuple(file.path for file in tree.loaded.calendar_files if file.calendar is None)
    if on_invalid is OnInvalid.REJECT and (invalid := (*invalid_files(tree.loaded), *broken_calendars)):
        return _rejected(invalid, running)
    kept = {
        name: _with_calendars(one, tree)
        for name, one in keep_broken(tree.loaded, fresh, running, tree.index, last_good or {}).items()
    }
    wanted = fresh | kept
    held = _held(tree, running, wanted, consent, now)
    if held is not None and not tree.loaded.files:
        message = f"no job file is left; {plural(len(held.names), 'job')} will keep running until that is approved"
        return SyncDecision(running, SyncState.FAILED, "EmptyTree", message, held=held, applied=False)
    if held is not None:
        wanted = _without_deletions(wanted, held, running)
    jobs = JobSet.of(tree.head, wanted.values(), tree.loaded.calendars)
    paths = {_label(parsed, tree.loaded): parsed.path for parsed in broken}
    names = tuple(sorted((*policies, *broken_calendars, *paths)))
    running_on = {label for one in kept.values() for label in (one.job.name, one.path)}
    running_on |= {*policies, *(file.path for file in tree.loaded.calendars.files.values())}
    not_running = tuple(name for name in names if name not in running_on)
    layers = _broken_layers(broken, tree.loaded)
    others = dict.fromkeys(policies, FileRole.POLICY) | dict.fromkeys(broken_calendars, FileRole.CALENDAR)
    reason, message = _reason(names, not_running, layers, held, others)
    state = SyncState.SYNCED if reason is None else SyncState.DEGRADED
    return SyncDecision(jobs, state, reason, message, names, not_running, layers, held, True, paths, others)


def _with_calendars(kept: JobVersion, tree: DesiredState) -> JobVersion:
    """A broken file keeps its job; calendars and freezes count for it as for all others."""
    job = bound(kept.job, kept.path, tree.environment, tree.loaded.calendars)
    return kept if job is kept.job else replace(kept, job=job)


def broken_files(loaded: TreeResult) -> tuple[FileResult, ...]:
    return tuple([parsed for parsed in loaded.files if parsed.job is None])


def _broken_layers(broken: Sequence[FileResult], loaded: TreeResult) -> tuple[BrokenLayer, ...]:
    """Of jobs with errors in layers alone; of several layers the first by path stands for the job."""
    below: dict[str, list[str]] = {}
    for parsed in broken:
        places = {error.file for error in parsed.errors}
        if places and parsed.path not in places:
            below.setdefault(min(places), []).append(_label(parsed, loaded))
    return tuple(BrokenLayer(file, tuple(sorted(names))) for file, names in sorted(below.items()))


def looks_worse(loaded: TreeResult, before: TreeResult | None, running: JobSet) -> bool:
    """True if files are broken that were not, or jobs are gone."""
    known = broken_files(before) if before is not None else ()
    broken = {(parsed.path, parsed.identity) for parsed in broken_files(loaded)}
    is_gone = not running.definitions.keys() <= loaded.jobs.keys()
    return is_gone or bool(broken - {(parsed.path, parsed.identity) for parsed in known})


def invalid_files(loaded: TreeResult) -> tuple[str, ...]:
    """Paths of files with an error in any environment, layers and policies too, also where that stops nothing here."""
    return tuple(dict.fromkeys(problem.file for problem in loaded.problems if is_error(problem)))


def unreadable_policies(loaded: TreeResult) -> tuple[str, ...]:
    """Paths of policies whose last readable content stays in force."""
    return tuple(file.path for file in loaded.layers.policies.unreadable)


def allowed_deletions(message: str) -> int | None:
    """The number in the trailer ``Chronos-Allow-Deletes``, which stands in the last paragraph of a commit message."""
    found = _ALLOWANCE.findall(message.strip().rpartition("\n\n")[2])
    return int(found[-1]) if found else None


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
            kept[definition.job.name] = replace(definition, quarantined=parsed.errors)
    return kept


def is_deleted_since(definition: JobVersion, index: Versions, *, at_path: bool = False) -> bool:
    """True if the history has a deletion of the job after this version of it.

    ``at_path`` asks about the file: one that only says another name is not deleted.
    """
    since = index.versions(definition.job.name).own_after(definition.commit)
    return any(not version.blob and not (at_path and version.file_stays) for version in since)


def _held(
    tree: DesiredState,
    running: JobSet,
    wanted: Mapping[str, JobVersion],
    consent: DeletionApproval,
    now: datetime | None,
) -> HeldDeletions | None:
    gone = [running.definitions[name] for name in running.definitions.keys() - wanted.keys()]
    # The count speaks for a commit: what is deleted on disk only was not reviewed with it.
    committed = not any(tree.committed.get(definition.path) for definition in gone)
    after = JobSet(tree.head, wanted)
    disabled = disabled_by_layers(running.definitions, after.definitions, now)
    names = held_deletions(running, after, disabled, allowed=consent.count if committed else None)
    if not names or consent.checksum == deletion_checksum(names, disabled):
        return None
    deleted = tuple(name for name in names if name not in disabled)
    return HeldDeletions(deleted, deletion_checksum(names, disabled), disabled)


def _without_deletions(wanted: Mapping[str, JobVersion], held: HeldDeletions, running: JobSet) -> dict[str, JobVersion]:
    """The held jobs stay; a new job that took the file of a held one waits with it, or both names would run."""
    stay = {name: running.definitions[name] for name in (*held.names, *held.disabled)}
    taken = {definition.path for definition in stay.values()}
    rest = {
        name: definition
        for name, definition in wanted.items()
        if definition.path not in taken or running.get(name) is not None
    }
    return rest | stay


def _rejected(broken: Sequence[str], running: JobSet) -> SyncDecision:
    places = ", ".join(broken[:3])
    message = f"{len(broken)} invalid files, nothing was applied: {places}"
    return SyncDecision(running, SyncState.FAILED, "ValidationFailed", message, applied=False)


def _reason(
    names: Sequence[str],
    not_running: Sequence[str],
    layers: Sequence[BrokenLayer],
    held: HeldDeletions | None,
    others: Mapping[str, FileRole],
) -> tuple[str | None, str]:
    if held is not None:
        return "UnsafePlan", _held_message(held)
    if names:
        stay = [name for name in names if name not in not_running]
        parts = (
            ", ".join((counted(names, others, "invalid "), *map(_cause, layers))),
            f"still on the last good version: {some(stay)}" if stay else "",
            f"no valid version yet: {some(not_running)}" if not_running else "",
        )
        return "ValidationFailed", "; ".join(part for part in parts if part)
    return None, ""


def _cause(layer: BrokenLayer) -> str:
    return f"{len(layer.quarantined):,} of them through {layer.file}"


def _held_message(held: HeldDeletions) -> str:
    counts = ((len(held.names), "deletions"), (len(held.disabled), "disablings"))
    told = " and ".join(f"{count} {word}" for count, word in counts if count)
    return f"{told} at once are held until they are approved"


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
        not_running=settlement.not_running,
        broken_layers=settlement.broken_layers,
        quarantined_paths=settlement.quarantined_paths,
        other_kinds=settlement.other_kinds,
    )
