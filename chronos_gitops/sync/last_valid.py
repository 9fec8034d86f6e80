"""The last valid version of a job. What is from before a deletion does not count: a deleted job stays deleted."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.jobs.validation.validate import TreeResult, validate_file
from chronos_gitops.sync.reconcile import broken_files, is_deleted_since, make_definition
from chronos_gitops.versions.history import Versions
from chronos_gitops.versions.version_log import Version

_MOST_READ: Final = 20
ReadMany = Callable[[Sequence[str]], Mapping[str, bytes]]
"""Contents by blob id; one that cannot be read is left out."""


def last_valid_version(versions: Sequence[Version], read: ReadMany) -> tuple[Version, Job] | None:
    """The newest of the last 20 versions, none of them from before a deletion, that passes today's validation."""
    life = since_deletion(versions)[-_MOST_READ:]
    contents = read([version.blob for version in life])
    for version in reversed(life):
        parsed = validate_file(version.path, contents[version.blob]) if version.blob in contents else None
        if parsed is not None and parsed.job is not None and parsed.name == version.job:
            return version, parsed.job
    return None


def since_deletion(versions: Sequence[Version]) -> Sequence[Version]:
    """The versions since the job was created last; none for a job that is deleted."""
    start = next((at for at in range(len(versions), 0, -1) if not versions[at - 1].blob), 0)
    return versions[start:]


def last_valid_jobs(
    loaded: TreeResult, running: JobSet, index: Versions, read: ReadMany, *, removed: Collection[str] = ()
) -> dict[str, JobVersion]:
    """By path of the broken file, where no job runs yet that the file stands for.

    ``removed`` are jobs that this runner saw deleted, also on disk only.
    """
    standing = {definition.path for definition in running if not is_deleted_since(definition, index, at_path=True)}
    found: dict[str, JobVersion] = {}
    for parsed in broken_files(loaded):
        name = parsed.name or index.name_at(parsed.path)
        if name is None or name in removed or name in loaded.jobs or parsed.path in loaded.duplicates:
            continue
        known = running.get(name)
        if parsed.path in standing or (known is not None and not is_deleted_since(known, index)):
            continue
        versions = index.versions(name)
        valid = last_valid_version(versions, read)
        if valid is not None:
            version, job = valid
            found[parsed.path] = make_definition(job, version.path, version.blob, versions, version)
    return found
