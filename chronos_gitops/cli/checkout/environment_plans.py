"""The plan of a change in every environment, each as a runner there would apply it."""

from dataclasses import replace
from datetime import datetime
from functools import cached_property

from chronos_gitops.cli.checkout.environments import check_environment
from chronos_gitops.cli.checkout.job_past import Digest, JobPast
from chronos_gitops.cli.checkout.plan_sides import ComparedTrees, Side
from chronos_gitops.cli.checkout.runner_answers import RunnerAnswers
from chronos_gitops.git.client import Git
from chronos_gitops.jobs.bound_jobs import bound
from chronos_gitops.jobs.calendar_set import CalendarSet
from chronos_gitops.jobs.layers.parts import FileParts
from chronos_gitops.jobs.layers.tree import Layers
from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.jobs.planning.environments import combine
from chronos_gitops.jobs.planning.layers import layer_effects
from chronos_gitops.jobs.planning.layers.layer_effects import ComparedEnvironment, TreeSide
from chronos_gitops.jobs.planning.layers.layer_values import LayerValue, changed_values
from chronos_gitops.jobs.planning.plan import EnvironmentPlan, EnvironmentStatus, JobChange, Plan, plan, runs_per_day
from chronos_gitops.jobs.planning.refusals import refusals
from chronos_gitops.jobs.planning.review_flags import RunnerState
from chronos_gitops.jobs.validation.layers.other_environment import in_environment, read_parts
from chronos_gitops.jobs.validation.validate import TreeResult
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.zones.timezones import ZoneData
from chronos_gitops.sync.content.committed_layers import CommittedLayers
from chronos_gitops.sync.content.last_valid import Judge, last_valid_jobs
from chronos_gitops.sync.reconcile import broken_files, keep_broken
from chronos_gitops.versions.history import Versions
from chronos_gitops.versions.version import Version


def plan_change(
    compared: ComparedTrees,
    git: Git,
    jobs: str,
    *,
    environment: str | None,
    at: datetime,
    asked: RunnerAnswers | None,
    zone_data: ZoneData | None = None,
) -> Plan:
    """In the environment that is named, else in all that either side declares. ``zone_data`` is a release of the time
    zone database to compare with the installed one."""
    found = _change_of_runs(compared, git, jobs, environment, at, asked, zone_data)
    return replace(found, refusals=refusals(compared.before.loaded, compared.after.loaded))


def _change_of_runs(
    compared: ComparedTrees,
    git: Git,
    jobs: str,
    environment: str | None,
    at: datetime,
    asked: RunnerAnswers | None,
    zone_data: ZoneData | None,
) -> Plan:
    before, after = _EnvironmentTrees(compared.before), _EnvironmentTrees(compared.after)
    declared = sorted({*before.layers.environments, *after.layers.environments})
    check_environment(environment, declared, is_required=False)
    values = changed_values(before.layers, after.layers)
    committed, allowed = CommittedLayers(git, jobs), compared.allowed_deletions
    planner = _Planner(before, after, git, committed, values, at, asked, allowed, zone_data)
    if not declared:
        found, sides = planner.between(None, None, None)
        return replace(found, layers=layer_effects.layer_changes(values, [sides]))
    each = [planner.environment(name) for name in declared if environment in (None, name)]
    several = [sides for _, sides in each if sides is not None]
    return combine([found for found, _ in each], layer_effects.layer_changes(values, several), planner.live)


@dataclass(frozen=True)
class _EnvironmentTrees:
    """One side in each of its environments; files are read again only where an environment or a layer asks for it."""

    side: Side

    @property
    def layers(self) -> Layers:
        return self.side.loaded.layers

    @property
    def versions(self) -> Versions:
        return self.side.versions

    @cached_property
    def parts(self) -> dict[str, FileParts]:
        return read_parts(self.side.files, self.side.loaded)

    def judged(self, environment: str | None) -> TreeResult:
        return self.side.loaded if environment is None else in_environment(self.side.loaded, self.parts, environment)

    def seen_in(self, environment: str | None, judged: TreeResult, *, is_needed: bool) -> TreeSide:
        return TreeSide(judged, self.parts if is_needed else {}, environment)


@dataclass(frozen=True, slots=True)
class _Planner:
    before: _EnvironmentTrees
    after: _EnvironmentTrees
    git: Git
    committed: CommittedLayers
    values: tuple[LayerValue, ...]
    at: datetime
    asked: RunnerAnswers | None
    allowed_deletions: int | None
    zone_data: ZoneData | None

    @property
    def live(self) -> RunnerState | None:
        return None if self.asked is None else self.asked.state

    def environment(self, name: str) -> tuple[EnvironmentPlan, ComparedEnvironment | None]:
        """Of one that comes or goes beside others, only that. The first ones that are declared are compared with the
        jobs before, and the jobs after with the last ones that are gone."""
        old, new = self.before.layers.environments, self.after.layers.environments
        status = EnvironmentStatus.STAYS
        if name not in old:
            status = EnvironmentStatus.NEW
        elif name not in new:
            status = EnvironmentStatus.GONE
        sides: ComparedEnvironment | None = None
        found = Plan(())
        if status is EnvironmentStatus.STAYS or not old or not new:
            found, sides = self.between(name, name if name in old else None, name if name in new else None)
        shown = self.before if status is EnvironmentStatus.GONE else self.after
        jobs = self._job_set(shown, shown.judged(name), name, JobSet())
        enabled = sum(definition.job.enabled for definition in jobs)
        per_day = runs_per_day(jobs, at=self.at) if status is EnvironmentStatus.NEW else 0.0
        return EnvironmentPlan(name, status, len(jobs), enabled, per_day, found), sides

    def between(self, name: str | None, before: str | None, after: str | None) -> tuple[Plan, ComparedEnvironment]:
        """Compare two environments; None stands for the jobs as they are in every environment of a side."""
        judged_before, judged_after = self.before.judged(before), self.after.judged(after)
        running = self._job_set(self.before, judged_before, before, JobSet())
        was = self._with_commits(running) if broken_files(judged_after) else running
        wanted = self._job_set(self.after, judged_after, after, was)
        live = self.live if self.live is not None and self.live.environment in (None, name) else None
        allowed, data = self.allowed_deletions, self.zone_data
        found = plan(running, wanted, at=self.at, live=live, allowed_deletions=allowed, zone_data=data)
        if live is not None and self.asked is not None:
            past = JobPast(self.asked, running, wanted, self.before.versions, self._digest_in(after), self.at)
            found = replace(found, changes=tuple(map(past.told, found.changes)))
        is_needed = bool(self.values)
        sides = ComparedEnvironment(
            name,
            self.before.seen_in(before, judged_before, is_needed=is_needed),
            self.after.seen_in(after, judged_after, is_needed=is_needed),
            found.changes,
        )
        return replace(found, changes=tuple(self._with_layers(change, sides) for change in found.changes)), sides

    def _judge_in(self, environment: str | None) -> Judge:
        return lambda version, content: self.committed.judge(version, content, environment)

    def _digest_in(self, environment: str | None) -> Digest:
        judge = self._judge_in(environment)

        def digest(version: Version) -> str | None:
            content = self.git.read_many([version.blob]).get(version.blob)
            job = None if content is None else judge(version, content).job
            return None if job is None else job.digest

        return digest

    def _with_layers(self, change: JobChange, sides: ComparedEnvironment) -> JobChange:
        return replace(change, inherited_from=layer_effects.inherited_from(change, self.values, sides))

    def _job_set(self, tree: _EnvironmentTrees, judged: TreeResult, environment: str | None, running: JobSet) -> JobSet:
        """As a runner that runs ``running`` would apply it, by its rules for invalid files (CONTRACT 3)."""
        judge = self._judge_in(environment)
        last_good = last_valid_jobs(judged, running, tree.versions, self.git.read_many, judge)
        kept = keep_broken(judged, judged.jobs, running, tree.versions, last_good)
        found = [
            JobVersion(parsed.job, parsed.path, parsed.identity)
            for parsed in judged.jobs.values()
            if parsed.job is not None
        ]
        calendars = CalendarSet.of(judged.calendar_files, lambda file: running.calendars.files.get(file.name))
        wanted = (
            replace(one, job=bound(one.job, one.path, environment, calendars)) for one in (*kept.values(), *found)
        )
        return JobSet.of(None, wanted, calendars)

    def _with_commits(self, jobs: JobSet) -> JobSet:
        """The same jobs with the commits of their versions: whether one was deleted since is asked of the history."""

        def newest(name: str) -> str | None:
            versions = reversed(self.before.versions.versions(name))
            return next((version.commit for version in versions if version.blob), None)

        dated = (replace(definition, commit=newest(definition.job.name)) for definition in jobs)
        return JobSet.of(None, dated, jobs.calendars)
