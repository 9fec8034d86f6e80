"""One job with calendars on one SQLite database, with a clock that a test turns."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harness.clock import HandClock
from harness.engine_harness import Bench, Seen, jobset
from harness.engines import on_sqlite

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery
from chronos_gitops.jobs.bound_jobs import bound
from chronos_gitops.jobs.calendar_set import CalendarFile, CalendarSet
from chronos_gitops.jobs.model import Job, JobSet
from chronos_gitops.schedule.calendars import parser

FR = [
    "SAT",
    "SUN",
    "01-01",
    "05-01",
    "05-08",
    "07-14",
    "08-15",
    "11-01",
    "11-11",
    {"date": "12-25", "reason": "Christmas"},
]
FR += ["2026-04-06", "2026-05-14", "2026-05-25"]
FREEZE = [{"from": "2026-12-24T18:00", "to": "2027-01-04T06:00", "reason": "year-end freeze"}]
PARIS = "Europe/Paris"
HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def short(tick: datetime | None) -> str | None:
    return None if tick is None else f"{tick:%Y-%m-%dT%H:%M}"


class Story:
    """One job on one database, with a clock that is turned by hand."""

    def __init__(self, database: Path, receiver: Receiver, seen: Seen, start: str) -> None:
        self.clock = HandClock(at(start))
        self.bench = Bench(on_sqlite(database), receiver, self.clock, seen)
        self.engine: Engine | None = None
        self.commits = 0

    def apply(
        self, schedule: Any, *, on_skip: str = "drop", zone: str = PARIS, enabled: bool = True, **calendars: Any
    ) -> None:
        """A commit: the job with these calendars, by name."""
        fields: dict[str, Any] = {"skip": sorted(calendars)} if calendars else {}
        job = self.bench.job(schedule=schedule, timezone=zone, on_skip=on_skip, enabled=enabled, **fields)
        self.apply_set(job, calendars)

    def apply_set(self, job: Job, calendars: dict[str, Any]) -> None:
        self.commits += 1
        files = {
            name: CalendarFile(
                name,
                f"jobs/_calendars/{name}.yaml",
                "",
                parser.parse(name, {"closed": list(closed)}, lambda _: 7),
                commit=f"{self.commits}" * 40,
            )
            for name, closed in calendars.items()
        }
        known = CalendarSet.in_force(files)
        whole = jobset(bound(job, f"jobs/{job.name}.yaml", None, known), version=self.commits)
        self.jobs = JobSet.of("c" * 39 + str(self.commits), whole, known)
        if self.engine is None:
            self.start()
        else:
            self.engine.apply(self.jobs)

    def start(self) -> None:
        self.engine = self.bench.build()
        self.engine.start()
        self.bench.adopt(self.engine)
        self.engine.apply(self.jobs)

    def outage(self, until: str) -> None:
        assert self.engine is not None
        self.bench.stop(self.engine)
        self.clock.leap(at(until) - self.clock.now())
        self.engine = None

    def turn(self, until: str, step: timedelta = HOUR) -> None:
        """Through every hour, as a runner lives through them."""
        assert self.engine is not None
        while self.clock.now() < at(until):
            self.clock.turn(min(step, at(until) - self.clock.now()))
            self.settle()

    def settle(self) -> None:
        """Until everything due by now is decided and done."""
        engine = self.engine
        assert engine is not None

        def is_settled() -> bool:
            following = engine.next_runs("daily-backup", 1)
            rows = self.rows()
            is_done = not following or following[0] > self.clock.now()
            return is_done and all(row.status.is_final for row in rows)

        self.bench.seen.wait_until(is_settled)

    def rows(self) -> Sequence[Execution]:
        assert self.engine is not None
        found = self.engine.executions(ExecutionQuery(job="daily-backup", limit=1000))
        return sorted(found, key=lambda row: row.scheduled_time)

    def ran(self) -> list[str | None]:
        return [short(row.scheduled_time) for row in self.rows() if row.status == "success"]

    def held(self) -> list[tuple[str | None, str | None]]:
        return [(short(row.scheduled_time), short(row.moved_to)) for row in self.rows() if row.reason == "calendar"]
