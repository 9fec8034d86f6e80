"""The definitions of the valid jobs of a tree: each job with its version, its dates and what of it is a draft."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.jobs.validation.validate import FileResult, TreeResult
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.versions.history import Index
from chronos_gitops.versions.version import Version, VersionChange

_NO_LAYERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class DesiredState:
    """The state to reach: the loaded files at ``head``, the versions up to it, and the committed blob ids."""

    head: str | None
    loaded: TreeResult
    index: Index
    committed: Mapping[str, str]
    environment: str | None = None
    draft_layers: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NO_LAYERS)
    """By the path of a job: the layers that differ from HEAD and make another definition of it."""
    drafted: frozenset[str] = frozenset()
    """Paths of jobs whose effective content, or path, is not the one at HEAD."""


def make_definition(
    job: Job, path: str, identity: DefinitionId, versions: Sequence[Version], version: Version | None
) -> JobVersion:
    """A job together with its version and dates."""
    return JobVersion(
        job=job,
        path=path,
        identity=identity,
        version=None if version is None else version.number,
        commit=None if version is None else version.commit,
        created_at=_created_at(versions),
        updated_at=None if version is None else version.committed_at,
    )


def _created_at(versions: Sequence[Version]) -> datetime | None:
    """None where the history does not go back so far."""
    return versions[0].committed_at if versions and versions[0].change is not VersionChange.UNKNOWN else None


class DefinedJobs:
    """The definitions of one tree after the other: those of which nothing differs stay the same objects, and cost a
    comparison each and no call. For one thread at a time."""

    def __init__(self) -> None:
        self._tree: DesiredState | None = None
        self._made: Mapping[str, JobVersion] = {}

    def of(self, tree: DesiredState, running: JobSet) -> dict[str, JobVersion]:
        """By name. A running definition is taken over where it is the right one."""
        made = {} if self._tree is None else self._still_valid(self._tree, tree)
        jobs = tree.loaded.jobs
        for name in [name for name in jobs if name not in made]:
            parsed = jobs[name]
            made[name] = _unchanged(running.get(name), parsed, tree) or _define(name, parsed, tree)
        self._tree, self._made = tree, made
        return made

    def _still_valid(self, before: DesiredState, tree: DesiredState) -> dict[str, JobVersion]:
        """Of the jobs with the same file, versions and committed file as ``before``, and no draft of layers."""
        was, versions, known = before.loaded.jobs, before.index.by_job, tree.index.by_job
        drafts = {*before.draft_layers, *before.drafted, *tree.draft_layers, *tree.drafted}
        there, committed = before.committed, tree.committed
        return {
            name: self._made[name]
            for name, parsed in tree.loaded.jobs.items()
            if was.get(name) is parsed
            and versions.get(name) is known.get(name)
            and (there is committed or there.get(parsed.path) == committed.get(parsed.path))
            and parsed.path not in drafts
        }


def _unchanged(known: JobVersion | None, parsed: FileResult, tree: DesiredState) -> JobVersion | None:
    """The running definition if it is committed and its newest version; building 10,000 of them anew takes 200 ms."""
    if known is None or known.job is not parsed.job or known.draft or known.quarantined:
        return None
    versions = tree.index.versions(known.job.name)
    here = (parsed.path, parsed.identity)
    newest = tree.index.running(known.job.name, parsed.identity)
    if newest is None or _is_draft(parsed, tree) or (known.path, known.identity) != here:
        return None
    was = (known.identity.blob, known.version, known.commit, known.updated_at, known.created_at)
    now = (newest.blob, newest.number, newest.commit, newest.committed_at, _created_at(versions))
    return known if was == now else None


def _define(name: str, parsed: FileResult, tree: DesiredState) -> JobVersion:
    assert parsed.job is not None
    versions = tree.index.versions(name)
    draft = _is_draft(parsed, tree)
    version = None if draft else tree.index.running(name, parsed.identity)
    version = version or versions.newest(parsed.identity.environment)
    made = make_definition(parsed.job, parsed.path, parsed.identity, versions, version)
    if not draft:
        return made
    files = _draft_files(parsed, tree)
    return replace(made, draft=True, draft_files=files, runs_draft=parsed.path in tree.drafted)


def _is_draft(parsed: FileResult, tree: DesiredState) -> bool:
    return bool(_draft_files(parsed, tree))


def _draft_files(parsed: FileResult, tree: DesiredState) -> tuple[str, ...]:
    own = () if tree.committed.get(parsed.path) == parsed.identity.blob else (parsed.path,)
    return (*own, *tree.draft_layers.get(parsed.path, ()))
