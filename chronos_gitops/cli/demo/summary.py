"""The results of the demo, as text and as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from chronos_gitops.cli.demo.driver import DemoFailed, Reload, Show
from chronos_gitops.cli.demo.statistics import Statistics, duplicates, percentile, total
from chronos_gitops.cli.reports.tables import facts
from chronos_gitops.plurals import plural
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Summary:
    """The counts of one demo. ``lateness_ms`` are first attempts' arrivals minus their ticks."""

    duration_s: float
    acts: Sequence[str]
    parts: Mapping[str, Statistics]
    reloads: Sequence[Reload]
    rollback: Mapping[str, Any]
    log: Sequence[str]
    exit_code: int

    @property
    def whole(self) -> Statistics:
        return total(self.parts.values())

    def document(self) -> dict[str, Any]:
        whole = self.whole
        return {
            "duration_s": round(self.duration_s, 1),
            **_counts(whole),
            "reload_ms": self.reloads[0].observed_ms,
            "reloads": [
                {"what": one.what, "observed_ms": one.observed_ms, "runner_ms": one.runner_ms} for one in self.reloads
            ],
            "lateness_ms": _lateness(whole),
            "rollback": dict(self.rollback),
            "jobs": {name: _counts(part) for name, part in sorted(self.parts.items())},
            "acts": list(self.acts),
            "git_log": list(self.log),
            "runner_exit_code": self.exit_code,
        }

    def text(self) -> str:
        whole = self.whole
        late = _lateness(whole)
        ticks = whole.ticks
        fired = f"{plural(whole.fired, 'execution')} of {plural(len(self.parts), 'job')}"
        return facts(
            (
                ("fired", f"{fired} in {self.duration_s:.0f} s"),
                ("received", f"{whole.received} requests, none of them twice"),
                ("retried", f"{whole.retried} requests were second attempts"),
                ("skipped", f"{plural(ticks['skipped'], 'scheduled time')}, because the run before had not ended"),
                ("replaced", f"{plural(ticks['cancelled'], 'run')} by the next one"),
                ("failed", f"{plural(ticks['failed'], 'execution')}"),
                ("reloads", ", ".join(f"{one.observed_ms:.0f} ms ({one.what})" for one in self.reloads)),
                ("lateness", f"p50 {late['p50']} ms, p99 {late['p99']} ms, from the tick to the receiver"),
                ("runner", f"stopped with exit code {self.exit_code}"),
                ("git log", "\n         ".join(f"{line[:8]}{line[40:]}" for line in self.log)),
            )
        )


def summarise(show: Show, parts: Mapping[str, Statistics], rollback: Mapping[str, Any], exit_code: int) -> Summary:
    """Counts, and refuses to praise what was not kept: a request that came twice, a runner that did not end well."""
    twice = duplicates(show.receiver.requests)
    if twice:
        raise DemoFailed(f"these (execution, attempt) pairs arrived twice: {twice[:3]}")
    if exit_code != 0:
        raise DemoFailed(f"the runner ended with exit code {exit_code} instead of 0")
    return Summary(show.ended_s, show.acts, parts, show.reloads, rollback, show.stage.log(), exit_code)


def _counts(tally: Statistics) -> dict[str, int]:
    ticks = tally.ticks
    return {
        "fired": tally.fired,
        "received": tally.received,
        "retried": tally.retried,
        "skipped": ticks["skipped"],
        "succeeded": ticks["success"],
        "failed": ticks["failed"],
        "cancelled": ticks["cancelled"],
        "running": ticks["running"] + ticks["pending"],
    }


def _lateness(tally: Statistics) -> dict[str, float | int | None]:
    def rounded(percent: float) -> float | None:
        value = percentile(tally.lateness_ms, percent)
        return None if value is None else round(value, 1)

    return {"p50": rounded(50), "p99": rounded(99), "max": rounded(100), "count": len(tally.lateness_ms)}
