"""What a reviewer should look at twice in one change of a job."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from chronos_gitops.jobs.model import Concurrency, Job, JobSet, OAuth2Auth
from chronos_gitops.jobs.validation.rules.timing import shortest_gap
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.timestamps import rfc3339

_YEAR: Final = timedelta(days=365)
_WHEN_SLOW: Final = {
    Concurrency.FORBID: "runs that fall into a slow one are skipped",
    Concurrency.ALLOW: "slow runs pile up beside each other",
    Concurrency.REPLACE: "a slow run is cancelled by the next one",
}


class FlagKind(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    NEVER_FIRES = "never-fires"
    GAP = "daylight-saving-gap"
    OVERLAP = "overlap"
    NEW_HOST = "new-host"
    PAUSED = "paused"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class ReviewFlag:
    kind: FlagKind
    message: str


@dataclass(frozen=True, slots=True)
class RunnerState:
    """What a runner says now: the commit it applied, why jobs are paused by name, and which ones run."""

    applied: str | None = None
    paused: Mapping[str, str] = field(default_factory=dict)
    running: frozenset[str] = frozenset()


def hosts(jobs: JobSet) -> frozenset[str]:
    """Every host that a job of the set sends requests to, as far as the files tell."""
    return frozenset(host for definition in jobs for host in _hosts(definition.job))


def flags(
    before: Job | None, after: Job | None, *, at: datetime, known: frozenset[str], live: RunnerState
) -> Iterator[ReviewFlag]:
    """``known`` are the hosts of the whole tree before; none when there was no tree, and then no host is new."""
    if after is not None and after != before:
        yield from _switched(before, after)
        yield from _silent(after, at)
        yield from _gap(after, at)
        yield from _overlap(after)
        yield from _new_hosts(before, after, known)
    job = after or before
    if job is not None:
        yield from _on_the_server(job.name, live, is_removed=after is None)


def _switched(before: Job | None, after: Job) -> Iterator[ReviewFlag]:
    if before is None:
        if not after.enabled:
            yield ReviewFlag(FlagKind.DISABLED, "it is not enabled, so it does not run")
    elif after.enabled and not before.enabled:
        yield ReviewFlag(FlagKind.ENABLED, "it starts to run")
    elif before.enabled and not after.enabled:
        yield ReviewFlag(FlagKind.DISABLED, "it stops running")


def _silent(job: Job, at: datetime) -> Iterator[ReviewFlag]:
    if not job.enabled or job.schedule.count(at, at + _YEAR):
        return
    first = job.schedule.next_after(at)
    then = "" if first is None else f", and first on {first.astimezone(UTC):%Y-%m-%d}"
    yield ReviewFlag(FlagKind.NEVER_FIRES, f"it does not run in the next twelve months{then}")


def _gap(job: Job, at: datetime) -> Iterator[ReviewFlag]:
    moved = next(iter(job.schedule.gap_ticks(at, at + _YEAR)), None)
    if moved is not None:
        when = rfc3339(moved)
        words = f"daylight saving skips a scheduled time in {job.timezone}; that run comes at {when}"
        yield ReviewFlag(FlagKind.GAP, words)


def _overlap(job: Job) -> Iterator[ReviewFlag]:
    gap = shortest_gap(job.schedule)
    if gap is not None and job.attempt_timeout > gap:
        every, timeout = durations.render(gap), durations.render(job.attempt_timeout)
        yield ReviewFlag(FlagKind.OVERLAP, f"runs every {every} may take {timeout} each: {_WHEN_SLOW[job.concurrency]}")


def _new_hosts(before: Job | None, after: Job, known: frozenset[str]) -> Iterator[ReviewFlag]:
    if not known:
        return
    old = frozenset() if before is None else _hosts(before)
    for host in sorted(_hosts(after) - old - known):
        yield ReviewFlag(FlagKind.NEW_HOST, f"no job has called {host} before")


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
