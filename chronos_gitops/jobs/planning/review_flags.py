"""Flags on one change of a job that a reviewer should look at twice."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from chronos_gitops.jobs.model import Concurrency, Job, JobSet
from chronos_gitops.jobs.promises import kept_limits
from chronos_gitops.jobs.validation.rules.times.timing import shortest_gap
from chronos_gitops.jobs.webhook import OAuth2Auth
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.calendars.applied import under_way
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.schedule.timing import OnSkip

_YEAR: Final = timedelta(days=365)
_WHEN_SLOW: Final = {
    Concurrency.FORBID: "runs that fall into a slow one are skipped",
    Concurrency.ALLOW: "slow runs pile up beside each other",
    Concurrency.REPLACE: "a slow run is cancelled by the next one",
    Concurrency.QUEUE: "runs that fall into a slow one queue up; after 100 they are skipped",
}


class FlagKind(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    NEVER_FIRES = "never-fires"
    AT_PAST = "at-past"
    ENDED = "ended"
    CLOSED = "closed"
    MOVES_INTO_THE_PAST = "moves-into-the-past"
    GAP = "daylight-saving-gap"
    OVERLAP = "overlap"
    NEW_HOST = "new-host"
    PAUSED = "paused"
    RUNNING = "running"
    EARLIER_VERSION = "earlier-version"
    REQUIRES = "requires"
    UNKEEPABLE = "expect-unkeepable"
    TIGHT = "expect-tight"
    NEVER_BROKEN = "expect-never"


@dataclass(frozen=True, slots=True)
class ReviewFlag:
    """``subject`` is the host that is new, "" for other kinds."""

    kind: FlagKind
    message: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class StoppedVersion:
    """A version that the guard has paused, since then."""

    version: int | None
    since: datetime


@dataclass(frozen=True, slots=True)
class RunnerState:
    """State of a runner: the commit it applied, reasons of paused jobs by name, running jobs, environment, and jobs
    ``stopped`` by the guard."""

    applied: str | None = None
    paused: Mapping[str, str] = field(default_factory=dict)
    running: frozenset[str] = frozenset()
    environment: str | None = None
    stopped: Mapping[str, StoppedVersion] = field(default_factory=dict)

    @property
    def not_running(self) -> frozenset[str]:
        """Jobs that are paused, by anyone."""
        return frozenset((*self.paused, *self.stopped))


def hosts(jobs: JobSet) -> frozenset[str]:
    """Every host that a job of the set sends requests to, as far as the files tell."""
    return frozenset(host for definition in jobs for host in _hosts(definition.job))


def flags(
    before: Job | None, after: Job | None, *, at: datetime, known: frozenset[str], live: RunnerState
) -> Iterator[ReviewFlag]:
    """``known`` are the hosts of the whole tree before; none when there was no tree, and then no host is new."""
    if after is not None and after != before:
        yield from _switched(before, after)
        yield from _past(after, at)
        yield from _held(after, at)
        yield from _into_the_past(before, after, at)
        yield from _silent(after, at)
        yield from _gap(after, at)
        yield from _overlap(after)
        yield from (ReviewFlag(FlagKind(one.rule), one.message) for one in kept_limits.of_job(after, at))
        yield from _new_hosts(before, after, known)
    job = after or before
    if job is not None:
        if job.name in live.stopped and after is not None and after != before:
            yield _ends_the_guards_pause(before or after, live.stopped[job.name], at)
        yield from _on_the_server(job.name, live, is_removed=after is None)


def _switched(before: Job | None, after: Job) -> Iterator[ReviewFlag]:
    if before is None:
        if not after.enabled:
            yield ReviewFlag(FlagKind.DISABLED, "it is not enabled, so it does not run")
    elif after.enabled and not before.enabled:
        yield ReviewFlag(FlagKind.ENABLED, "it starts to run")
    elif before.enabled and not after.enabled:
        yield ReviewFlag(FlagKind.DISABLED, "it stops running")


def _past(job: Job, at: datetime) -> Iterator[ReviewFlag]:
    """One-offs that never run, and a job that has no run left."""
    if job.enabled and job.timing.ended(at):
        yield ReviewFlag(FlagKind.ENDED, "it has ended: no scheduled time is left")
    for schedule in job.timing.schedules.schedules:
        if schedule.one_off is not None and schedule.one_off.instant <= at:
            yield ReviewFlag(FlagKind.AT_PAST, f"{schedule.text} is past and does not run")


def _held(job: Job, at: datetime) -> Iterator[ReviewFlag]:
    """The next scheduled time, and every one-off to come, where a calendar closes it."""
    if not (job.enabled and job.timing.has_calendars):
        return
    one_offs = (schedule.one_off for schedule in job.timing.schedules.schedules)
    coming = {job.timing.nominal_after(at), *(one.instant for one in one_offs if one is not None and one.instant > at)}
    for tick in sorted(filter(None, coming)):
        if (closure := job.timing.closure(tick)) is not None:
            target = job.timing.move(tick).target if job.timing.moves_ticks else None
            moves = "" if target is None else f" and moves it to {rfc3339(target)}"
            reason = closure.entry.reason or closure.entry.text
            yield ReviewFlag(FlagKind.CLOSED, f"{closure.calendar} ({reason}) holds {rfc3339(tick)}{moves}")


def _into_the_past(before: Job | None, after: Job, at: datetime) -> Iterator[ReviewFlag]:
    """Ticks of a new timing that would have run early, before it is applied."""
    is_new = before is None or not before.enabled or before.timing.own_digest != after.timing.own_digest
    if not (is_new and after.enabled and after.timing.on_skip is OnSkip.PREVIOUS):
        return
    for origin, target in under_way(after.timing, at):
        words = f"{rfc3339(origin)} would run at {rfc3339(target)}, which is past; it does not run"
        yield ReviewFlag(FlagKind.MOVES_INTO_THE_PAST, words)


def _silent(job: Job, at: datetime) -> Iterator[ReviewFlag]:
    if not job.enabled or job.timing.ended(at) or job.timing.count(at, at + _YEAR):
        return
    first = job.timing.next_after(at)
    then = "" if first is None else f", and first on {first.astimezone(UTC):%Y-%m-%d}"
    yield ReviewFlag(FlagKind.NEVER_FIRES, f"it does not run in the next twelve months{then}")


def _gap(job: Job, at: datetime) -> Iterator[ReviewFlag]:
    moved = next(iter(job.timing.gap_ticks(at, at + _YEAR)), None)
    if moved is not None:
        when = rfc3339(moved)
        words = f"daylight saving skips a scheduled time in {job.timezone}; that run comes at {when}"
        yield ReviewFlag(FlagKind.GAP, words)


def _overlap(job: Job) -> Iterator[ReviewFlag]:
    gap = shortest_gap(job.timing)
    if gap is not None and job.attempt_timeout > gap:
        every, timeout = durations.render(gap), durations.render(job.attempt_timeout)
        yield ReviewFlag(FlagKind.OVERLAP, f"runs every {every} may take {timeout} each: {_WHEN_SLOW[job.concurrency]}")


def _new_hosts(before: Job | None, after: Job, known: frozenset[str]) -> Iterator[ReviewFlag]:
    if not known:
        return
    old = frozenset() if before is None else _hosts(before)
    for host in sorted(_hosts(after) - old - known):
        yield ReviewFlag(FlagKind.NEW_HOST, f"no job has called {host} before", host)


def _ends_the_guards_pause(before: Job, stopped: StoppedVersion, at: datetime) -> ReviewFlag:
    missed = before.timing.count(stopped.since, at) if at > stopped.since else 0
    ticks = "1 missed tick is" if missed == 1 else f"{missed:,} missed ticks are"
    number = "the version that failed" if stopped.version is None else f"version {stopped.version}"
    return ReviewFlag(FlagKind.PAUSED, f"it ends the pause of {number}; {ticks} not run")


def _on_the_server(name: str, live: RunnerState, *, is_removed: bool) -> Iterator[ReviewFlag]:
    if name in live.paused:
        reason = f": {live.paused[name]}" if live.paused[name] else ""
        yield ReviewFlag(FlagKind.PAUSED, f"it is paused on the server{reason}")
    if name in live.running:
        ending = "before the job is gone" if is_removed else "as it was before this change"
        yield ReviewFlag(FlagKind.RUNNING, f"it is running on the server now; that run ends {ending}")


def _hosts(job: Job) -> frozenset[str]:
    urls = [job.webhook.url]
    if isinstance(job.webhook.auth, OAuth2Auth):
        urls.append(job.webhook.auth.token_url)
    return frozenset(host for url in urls if (host := _host(url)))


def _host(url: str) -> str | None:
    """None for an address that a secret holds."""
    return None if url.startswith("${secret:") else urlsplit(url).hostname
