"""Judges trees and versions for one runner: in its environment, with its bindings, each with the layers beside it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from chronos_gitops.errors import NotFoundError
from chronos_gitops.jobs.calendar_set import CalendarFile
from chronos_gitops.jobs.folders import outside
from chronos_gitops.jobs.layers.effective import EffectiveJob
from chronos_gitops.jobs.layers.file_roles import calendar_path
from chronos_gitops.jobs.layers.parts import parts_of
from chronos_gitops.jobs.layers.tree import NO_LAYERS, Layers
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.jobs.origins.private_hosts import PrivateHosts
from chronos_gitops.jobs.secrets.bindings import Bindings
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.files import Files
from chronos_gitops.jobs.validation.layers.trigger_inputs import VariableLocked, job_with_inputs
from chronos_gitops.jobs.validation.validate import (
    FileResult,
    TreeResult,
    ValidationCache,
    validate_tree,
)
from chronos_gitops.process import engine_priority
from chronos_gitops.sync.content.committed_calendars import CommittedCalendars
from chronos_gitops.sync.content.committed_layers import CommittedLayers
from chronos_gitops.sync.content.definitions import DefinedJobs, DesiredState
from chronos_gitops.sync.content.last_valid import judge_alone, last_valid_jobs
from chronos_gitops.sync.content.tree_layers import read_layers_at, readable
from chronos_gitops.sync.drafts import CommittedJobs, DraftedJobs, JobsOfChangedLayers, has_layers
from chronos_gitops.sync.persistence.validator_fingerprint import validator_fingerprint
from chronos_gitops.sync.source import Source, TreeSnapshot
from chronos_gitops.sync.status import Mode
from chronos_gitops.versions.history import Index
from chronos_gitops.versions.version import Version


class TreeJudge:
    """For one thread at a time, but for ``version`` and ``effective``."""

    def __init__(
        self,
        source: Source,
        bindings: Bindings | None,
        environment: str | None,
        running: Callable[[], JobSet] = JobSet,
        private_hosts: PrivateHosts | None = None,
    ) -> None:
        self.environment = environment
        self._source = source
        self._bindings = bindings
        self._cache = ValidationCache()
        self.defined = DefinedJobs()
        self._drafted = DraftedJobs()
        self._of_changed_layers = JobsOfChangedLayers()
        self._latest = NO_LAYERS
        self._committed = CommittedLayers(source.git, source.jobs)
        self._running = running
        self._private_hosts = private_hosts or PrivateHosts()
        self._calendars = CommittedCalendars(source.git)

    def tree(self, files: Files, index: Index) -> TreeResult:
        """Today's validation of a whole tree on top of this history; unchanged files are not read again."""
        known = readable(self._latest.policies) if self._source.mode is Mode.WORKTREE else None
        judged = validate_tree(
            files,
            self._cache,
            layers=read_layers_at(files, self._source.git, index.head, known, self._latest),
            bindings=self._bindings,
            incumbents=index,
            environment=self.environment,
            last_calendars=lambda file: self._last_calendar(file.name, file.path, index.head),
            on_file=engine_priority.yield_to_engine,
        )
        self._latest = judged.layers
        return replace(judged, problems=self._private_hosts.without_notes(judged.problems))

    @property
    def layers(self) -> Layers:
        """Those of the tree that was judged last."""
        return self._latest

    def desired(self, tip: TreeSnapshot, loaded: TreeResult, index: Index) -> DesiredState:
        drafts: Mapping[str, tuple[str, ...]] = {}
        known = self._running().calendars
        dated = self._calendars.dated(loaded.calendars, known, tip.head, tip.committed)
        loaded = replace(loaded, calendars=dated)
        if self._source.mode is not Mode.WORKTREE:
            return DesiredState(tip.head, loaded, index, tip.committed, self.environment, drafts)
        committed = NO_LAYERS
        if has_layers(loaded, tip.committed):
            committed = self._committed.at_head(tip.head, tip.committed)
            drafts = self._of_changed_layers.find(loaded, committed, tip.files, self.environment)
        head = CommittedJobs(tip.committed, committed, self._source.git.read_many)
        drafted = self._drafted.find(loaded, head, tip.files, self.environment, drafts)
        return DesiredState(tip.head, loaded, index, tip.committed, self.environment, drafts, drafted)

    def _last_calendar(self, name: str, path: str, head: str | None) -> CalendarFile | None:
        """The calendar in force; at a first start its newest readable content on the branch."""
        return self._running().calendars.files.get(name) or self._calendars.last_readable(name, path, head)

    def version(self, version: Version, content: bytes, environment: str | None = None) -> FileResult:
        """A version as its own commit made it, by today's rules."""
        return self._committed.judge(version, content, environment or self.environment)

    def effective_version(self, version: Version, content: bytes, environment: str | None = None) -> EffectiveJob:
        """A version with the places of its values. NotFoundError for an environment that was not declared then."""
        layers = self._committed.of(version)
        if environment is not None and environment not in layers.environments:
            known = ", ".join(layers.environments) or "none"
            hint = f"declared then: {known}"
            raise NotFoundError(f'"{environment[:63]}" was no environment at version {version.label}', hint=hint)
        own = parts_of(document.read(version.path, content))
        return layers.job(version.path, own, environment or self.environment)

    def triggered(self, running: JobVersion, content: bytes, given: Mapping[str, str]) -> Job:
        """A running job with these texts of a trigger. Raises VariableLocked and VariablesRefused."""
        own, environment = parts_of(document.read(running.path, content)), running.identity.environment
        for layers in self._layers_of(running):
            made = layers.job(running.path, own, environment)
            if (made.content if layers.fingerprint(running.path) else "") == running.identity.content:
                return job_with_inputs(made, own, layers, environment, given, bindings=self._bindings)
        raise VariableLocked("the layers that the job runs with can no longer be told", hint="fix its files first")

    def effective(self, running: JobVersion, content: bytes) -> EffectiveJob | None:
        """A running job with the places of its values. None where its layers can no longer be told."""
        own = parts_of(document.read(running.path, content))
        for layers in self._layers_of(running):
            made = layers.job(running.path, own, running.identity.environment)
            if (made.content if layers.fingerprint(running.path) else "") == running.identity.content:
                return made
        return None

    def _layers_of(self, running: JobVersion) -> Iterator[Layers]:
        """Those judged last, or, while these are broken or a change is held, those of its commit."""
        yield self._latest
        yield self._committed.at(running.commit)

    def last_good(self, tree: DesiredState, running: JobSet, removed: Collection[str]) -> dict[str, JobVersion]:
        """Definitions for broken files, by path, where nothing of that job runs yet."""
        layers = tree.loaded.layers
        judge = self.version if layers.all or layers.policies.files else judge_alone
        found = last_valid_jobs(tree.loaded, running, tree.index, self._source.git.read_many, judge, removed=removed)
        with_calendars = ((path, self._with_calendars(one, tree)) for path, one in found.items())
        return {path: one for path, one in with_calendars if one is not None}

    def _with_calendars(self, definition: JobVersion, tree: DesiredState) -> JobVersion | None:
        """A calendar that is gone counts with the content it had; a job that nothing is known of it does not run."""
        timing, skip = definition.job.timing, []
        for calendar in timing.skip:
            known = tree.loaded.calendars.files.get(calendar.name)
            if known is None:
                path = outside(calendar_path(calendar.name), self._source.jobs)
                known = self._calendars.last_readable(calendar.name, path, tree.head)
            if known is None or known.calendar is None:
                return None
            skip.append(known.calendar)
        job = definition.job
        return replace(definition, job=replace(job, timing=timing.with_calendars(skip, ()))) if skip else definition

    def fingerprint(self) -> str | None:
        """Of everything that results depend on besides the files; None where it cannot be told."""
        return validator_fingerprint(self._bindings)

    def remember(self, judged: Iterable[FileResult]) -> None:
        """Put results of an earlier process into the cache."""
        self._cache.keep({parsed.path: parsed for parsed in judged}, None, None)
