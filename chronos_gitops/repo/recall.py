"""The last valid version of a job out of its history, for a runner that never saw the job well."""

from typing import Final

from chronos_gitops.jobs.load import Loaded, parse
from chronos_gitops.jobs.model import Definition, JobSet
from chronos_gitops.repo.git import Git
from chronos_gitops.repo.history import Index
from chronos_gitops.repo.settle import broken_files, placed

_FURTHEST: Final = 20


def recall(loaded: Loaded, running: JobSet, index: Index, git: Git) -> dict[str, Definition]:
    """By path of the broken file, where no job runs yet that the file stands for."""
    standing = {definition.path for definition in running}
    found: dict[str, Definition] = {}
    for parsed in broken_files(loaded):
        name = parsed.name or index.name_at(parsed.path)
        if name is None or name in loaded.jobs or running.get(name) is not None or parsed.path in standing:
            continue
        definition = _last_valid(name, index, git)
        if definition is not None:
            found[parsed.path] = definition
    return found


def _last_valid(name: str, index: Index, git: Git) -> Definition | None:
    versions = index.versions(name)
    recent = [version for version in reversed(versions) if version.blob][:_FURTHEST]
    contents = git.read_many([version.blob for version in recent])
    for version in recent:
        parsed = parse(version.path, contents[version.blob]) if version.blob in contents else None
        if parsed is not None and parsed.job is not None and parsed.name == name:
            return placed(parsed.job, version.path, version.blob, versions, version)
    return None
