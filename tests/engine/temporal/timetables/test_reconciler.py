"""Runners that follow one repository at different speeds: the one that is behind changes nothing, whatever the clocks
of the commits say."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.engine_harness import Bench, eventually, jobset
from harness.programs.temporal import run
from harness.repositories.repository import Repository
from temporalio.client import Client

from chronos_gitops.engine.clock_watch import ClockWatch
from chronos_gitops.engine.milliseconds import to_ms
from chronos_gitops.engine.temporal.status.fleet_backlog import FleetBacklog
from chronos_gitops.engine.temporal.timetables.reconciler import Reconciler, applied
from chronos_gitops.engine.temporal.timetables.revision_order import Ancestry, Place, RevisionOrder
from chronos_gitops.engine.temporal.visibility.visibility import Visibility
from chronos_gitops.engine.temporal.worker.activities import TimingActivities
from chronos_gitops.engine.temporal.workflows.messages import Situation
from chronos_gitops.engine.ticks.due_queue import LATE
from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import discover
from chronos_gitops.git.log import continues
from chronos_gitops.jobs.model import JobSet

NEVER = "@yearly"
NOW, FUTURE = datetime(2026, 3, 2, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
JOB = "daily-backup"


class Company(Repository):
    """One repository, as every runner of it knows it."""

    def dated(self, message: str, at: datetime) -> str:
        date = {"GIT_COMMITTER_DATE": at.isoformat(), "GIT_AUTHOR_DATE": at.isoformat()}
        self.git("commit", "--quiet", "--allow-empty", "--message", message, env=date)
        return self.head()

    def ancestry(self) -> Ancestry:
        git = Git(discover(self.root))
        return Ancestry(lambda since, head: continues(git, since, head))


@pytest.fixture
def company(tmp_path: Path) -> Company:
    company = Company(tmp_path / "company")
    company.git("init", "--quiet", "--template=", "--initial-branch", "main")
    return company


@dataclass(frozen=True)
class Fleet:
    """Runners' reconcilers, each of them new, as after a restart."""

    bench: Bench
    client: Callable[[], Any]
    ancestry: Ancestry

    def jobs(self, revision: str, at: datetime, **descriptions: str) -> JobSet:
        jobs = (self.bench.job(name, schedule=NEVER, description=text) for name, text in descriptions.items())
        found = (replace(one, commit=revision, updated_at=at) for one in jobset(*jobs))
        return JobSet.of(revision, found)

    def apply(self, jobs: JobSet) -> dict[str, str]:
        return self._after(lambda reconciler: reconciler.apply(jobs))

    def check(self, jobs: JobSet) -> dict[str, str]:
        return self._after(lambda reconciler: reconciler.check(jobs))

    def shows(self, look: Callable[[], dict[str, str]], jobs: JobSet) -> None:
        """Visibility follows a moment later."""
        expected = {one.job.name: applied(one).digest for one in jobs}
        eventually(lambda: look() == expected)

    def _after(self, act: Callable[[Reconciler], Awaitable[object]]) -> dict[str, str]:
        async def acted() -> dict[str, str]:
            found: Client = await self.client()
            await act(Reconciler(found, Visibility(found), self.ancestry))
            return await Visibility(found).digests()

        return run(acted())


@pytest.fixture
def fleet(bench: Bench, client: Callable[[], Any], company: Company) -> Fleet:
    bench.start()
    return Fleet(bench, client, company.ancestry())


def test_commit_after_one_of_the_future_is_not_undone_by_a_runner_behind(fleet: Fleet, company: Company) -> None:
    """The clock of a commit once decided: what came after one of the year 2099 was taken back each minute."""
    old = fleet.jobs(company.dated("Future", FUTURE), FUTURE, backup="old")
    new = fleet.jobs(company.dated("Ordinary", NOW), NOW, backup="new")
    fleet.apply(old)
    fleet.shows(lambda: fleet.apply(new), new)
    fleet.shows(lambda: fleet.check(old), new)


def test_start_of_a_runner_behind_is_mended_by_the_others(fleet: Fleet, company: Company) -> None:
    """With its last good state, while it does not reach git: jobs that were deleted since end again, too."""
    old = fleet.jobs(company.dated("Future", FUTURE), FUTURE, backup="old", deleted="old")
    new = fleet.jobs(company.dated("Ordinary", NOW), NOW, backup="new")
    fleet.apply(new)
    fleet.shows(lambda: fleet.apply(old), old)
    fleet.shows(lambda: fleet.check(new), new)


def test_deleted_job_is_not_brought_back_by_a_runner_behind(fleet: Fleet, company: Company) -> None:
    old = fleet.jobs(company.dated("Two jobs", NOW), NOW, backup="old", deleted="old")
    new = fleet.jobs(company.dated("Delete one", NOW), NOW, backup="old")
    fleet.apply(old)
    fleet.shows(lambda: fleet.apply(new), new)
    fleet.shows(lambda: fleet.check(old), new)


def test_forced_push_stays_until_another_revision_is_applied(fleet: Fleet, company: Company) -> None:
    first = company.dated("First", NOW)
    old = fleet.jobs(company.dated("Second", NOW), NOW, backup="old")
    company.git("reset", "--quiet", "--hard", first)
    forced = fleet.jobs(company.dated("Forced", NOW - timedelta(days=1)), NOW - timedelta(days=1), backup="forced")
    fleet.apply(old)
    fleet.shows(lambda: fleet.apply(forced), forced)
    fleet.shows(lambda: fleet.check(old), forced)
    fleet.shows(lambda: fleet.check(forced), forced)


def test_place_of_a_revision_is_told_by_the_first_parent_chain(client: Callable[[], Any], company: Company) -> None:
    first = company.dated("First", FUTURE)
    second = company.dated("Second", NOW)
    company.git("switch", "--quiet", "--create", "side", first)
    side = company.dated("Side", NOW)
    company.git("merge", "--quiet", "--no-edit", second)
    swapped = company.head()
    expected = [
        (None, first, Place.SAME),
        (first, first, Place.SAME),
        (first, second, Place.AHEAD),
        (second, first, Place.BEHIND),
        (second, side, Place.BEHIND),
        (second, swapped, Place.BEHIND),
        (side, swapped, Place.AHEAD),
        ("e" * 40, second, Place.BEHIND),
        (second, None, Place.BEHIND),
    ]

    async def places() -> list[tuple[str | None, str | None, Place]]:
        order = RevisionOrder(await client(), company.ancestry())
        found = []
        for last, revision, _ in expected:
            if last is not None:
                await order.note(last)
            found.append((last, revision, await order.place(revision)))
        return found

    assert run(places()) == expected


def test_edit_that_has_not_arrived_after_an_outage_is_waited_for(bench: Bench, company: Company) -> None:
    """Also where the commit before it has a date of the future."""
    old, new = company.dated("Future", FUTURE), company.dated("Ordinary", NOW)
    sets = {
        text: JobSet.of(
            revision,
            (
                replace(one, commit=revision, updated_at=at)
                for one in jobset(bench.job(schedule="0 * * * *", description=text))
            ),
        )
        for text, revision, at in (("old", old, FUTURE), ("new", new, NOW))
    }

    async def claims(expected: str, given: str) -> int:
        timing = TimingActivities(
            late=LATE, backlog=FleetBacklog(), clock_watch=ClockWatch(), ancestry=company.ancestry()
        )
        timing.expect(sets[expected])
        before = applied(sets[given].definitions[JOB], revision=sets[given].revision)
        verdict = await timing.decide(Situation(to_ms(NOW), to_ms(NOW - timedelta(hours=6)), before))
        return len(verdict.orders)

    assert run(claims(expected="new", given="old")) == 0
    assert run(claims(expected="old", given="new")) == run(claims(expected="new", given="new")) > 0
