"""The last valid version of a job. What is from before a deletion does not count: a deleted job stays deleted."""

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice, takewhile
from typing import Final

from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.jobs.validation.validate import FileResult, TreeResult, validate_file
from chronos_gitops.sync.content.definitions import make_definition
from chronos_gitops.sync.reconcile import broken_files, is_deleted_since
from chronos_gitops.versions.history import Versions
from chronos_gitops.versions.version import Version

_MOST_READ: Final = 20
ReadMany = Callable[[Sequence[str]], Mapping[str, bytes]]
"""Contents by blob id; one that cannot be read is left out."""
Judge = Callable[[Version, bytes], FileResult]


def judge_alone(version: Version, content: bytes) -> FileResult:
    """The file as it stands, without layers."""
    return validate_file(version.path, content)


def last_valid_version(
    versions: Sequence[Version], read: ReadMany, judge: Judge = judge_alone
) -> tuple[Version, Job, DefinitionId] | None:
    """The newest of the last 20 versions, none of them from before a deletion, that passes today's validation."""
    life = since_deletion(versions, _MOST_READ)
    contents = read([version.blob for version in life])
    for version in reversed(life):
        parsed = judge(version, contents[version.blob]) if version.blob in contents else None
        if parsed is not None and parsed.job is not None and parsed.name == version.job:
            return version, parsed.job, parsed.identity
    return None


def since_deletion(versions: Sequence[Version], most: int) -> Sequence[Version]:
    """The newest versions since the job was created last; none for a job that is deleted."""
    newest_first = takewhile(lambda version: version.blob, reversed(versions))
    return tuple(reversed(tuple(islice(newest_first, most))))


def last_valid_jobs(
    loaded: TreeResult,
    running: JobSet,
    index: Versions,
    read: ReadMany,
    judge: Judge = judge_alone,
    *,
    removed: Collection[str] = (),
) -> dict[str, JobVersion]:
    """By path of the broken file, where no job runs yet that the file stands for.

    ``removed`` are jobs that this runner saw deleted, also on disk only.
    """
    broken = broken_files(loaded)
    paths = {parsed.path for parsed in broken}
    here = [definition for definition in running if definition.path in paths] if paths else []
    standing = {definition.path for definition in here if not is_deleted_since(definition, index, at_path=True)}
    found: dict[str, JobVersion] = {}
    for parsed in broken:
        name = parsed.name or index.name_at(parsed.path)
        if name is None or name in removed or name in loaded.jobs or parsed.path in loaded.duplicates:
            continue
        known = running.get(name)
        if parsed.path in standing or (known is not None and not is_deleted_since(known, index)):
            continue
        versions = index.versions(name)
        valid = last_valid_version(versions, read, judge)
        if valid is not None and _had_its_gate(valid[1], loaded, index):
            version, job, identity = valid
            found[parsed.path] = make_definition(job, version.path, identity, versions, version)
    return found


def _had_its_gate(job: Job, loaded: TreeResult, index: Versions) -> bool:
    """A job that requires one that never was has no valid version, though its file alone says nothing wrong."""
    gate = job.requires
    return gate is None or any(one.name == gate.job for one in loaded.files) or bool(index.versions(gate.job))
