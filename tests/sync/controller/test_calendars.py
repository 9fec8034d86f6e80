"""A runner with calendars: the ticks that they leave, and what stays in force when one is broken, gone or edited."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import Follow, Following
from harness.repositories.repository import Repository, job_text

from chronos_gitops.jobs.job_set import diff
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.sync.status import SyncState

FR = "timezone: Europe/Paris\ncovers_until: 2027-12-31\nclosed:\n  - SAT\n  - {date: 12-25, reason: Christmas}\n"
FREEZE = (
    "timezone: UTC\nclosed: [{from: 2026-12-24, to: 2027-01-03, reason: year-end}]\napplies_to: {folder: jobs/pay}\n"
)
FRIDAY = datetime(2026, 12, 4, 12, tzinfo=UTC)
BROKEN = "closed: [SAT, 2026-13-01]\n"


def named(name: str) -> str:
    return job_text(name) + "skip: [fr]\n"


@pytest.fixture
def shop(repository: Repository) -> Repository:
    """``one`` and ``two`` as ever, ``three`` names fr, ``four`` is frozen."""
    repository.write("jobs/three.yaml", named("three"))
    repository.write_job("four", path="jobs/pay/four.yaml")
    repository.write("jobs/_calendars/fr.yaml", FR)
    repository.write("jobs/_calendars/year-end.yaml", FREEZE)
    repository.commit("Close Saturdays")
    return repository


def job(following: Following, name: str) -> JobVersion:
    return following.follower.jobs().definitions[name]


def next_day(following: Following, name: str, after: datetime = FRIDAY) -> int:
    tick = job(following, name).job.timing.next_after(after)
    assert tick is not None
    return tick.day


@pytest.mark.parametrize("mode", ["worktree", "branch"])
def test_calendars_and_freezes_give_jobs_their_ticks(shop: Repository, follow: Follow, mode: str) -> None:
    following = follow(shop.root, mode=mode)
    assert following.follower.status().state is SyncState.SYNCED
    assert (next_day(following, "one"), next_day(following, "three")) == (5, 6)
    assert next_day(following, "four", datetime(2026, 12, 23, 12, tzinfo=UTC)) == 4
    files = following.follower.jobs().calendars.files
    assert {name: file.commit for name, file in files.items()} == dict.fromkeys(("fr", "year-end"), shop.head())


def test_an_edit_retimes_the_jobs_that_name_it_and_makes_no_version(shop: Repository, follow: Follow) -> None:
    following = follow(shop.root)
    before = following.follower.jobs()
    shop.write("jobs/_calendars/fr.yaml", FR + "  - SUN\n")
    following.follower.sync()
    assert following.follower.jobs().calendars.files["fr"].commit is None
    commit = shop.commit("Close Sundays")
    following.follower.sync()
    changes = diff(before, following.follower.jobs())
    assert (changes.retimed, changes.changed, changes.calendars) == (("three",), (), ("fr",))
    assert next_day(following, "three") == 7
    assert (job(following, "three").version, job(following, "three").draft) == (1, False)
    assert following.follower.jobs().calendars.files["fr"].commit == commit


def test_a_job_of_an_untouched_calendar_is_the_same_object_after_a_reload(shop: Repository, follow: Follow) -> None:
    following = follow(shop.root)
    before = job(following, "three")
    shop.write_job("one", schedule="@hourly")
    shop.commit("Edit another job")
    following.follower.sync()
    assert job(following, "three") is before


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_broken_calendar_leaves_its_content_in_force(
    shop: Repository, follow: Follow, tmp_path: Path, *, is_restarted: bool
) -> None:
    following = follow(shop.root, data=tmp_path / "data", mode="branch")
    shop.write("jobs/_calendars/fr.yaml", BROKEN)
    shop.write_job("one", schedule="@hourly")
    shop.commit("Break a calendar")
    if is_restarted:
        following.follower.stop()
        following = follow(shop.root, data=tmp_path / "data", mode="branch")
    status = following.follower.sync()
    assert (status.state, status.quarantined, status.not_running) == (
        SyncState.DEGRADED,
        ("jobs/_calendars/fr.yaml",),
        (),
    )
    assert [problem.rule for problem in status.problems if problem.file == "jobs/_calendars/fr.yaml"] == [
        "calendar-entry"
    ]
    assert next_day(following, "three") == 6
    assert (job(following, "three").quarantined, job(following, "one").job.timing.definition) == ((), "@hourly")


@pytest.mark.parametrize("how", ["broken", "deleted"])
def test_a_first_start_takes_the_newest_readable_content(shop: Repository, follow: Follow, how: str) -> None:
    if how == "broken":
        shop.write("jobs/_calendars/fr.yaml", BROKEN)
    else:
        shop.remove("jobs/_calendars/fr.yaml")
    shop.commit("Lose a calendar")
    following = follow(shop.root, mode="branch")
    assert next_day(following, "three") == 6
    assert bool(job(following, "three").quarantined) == (how == "deleted")


def test_a_deleted_calendar_goes_on_for_the_jobs_that_name_it(shop: Repository, follow: Follow, tmp_path: Path) -> None:
    following = follow(shop.root, data=tmp_path / "data", mode="branch")
    shop.remove("jobs/_calendars/fr.yaml")
    shop.commit("Delete a calendar that is named")
    following.follower.sync()
    assert [problem.message for problem in job(following, "three").quarantined] == ['there is no calendar "fr"']
    assert next_day(following, "three") == 6
    following.follower.stop()
    again = follow(shop.root, data=tmp_path / "data", mode="branch")
    assert next_day(again, "three") == 6
    shop.write("jobs/_calendars/fr.yaml", FR + "  - SUN\n")
    shop.commit("Bring it back")
    again.follower.sync()
    assert (job(again, "three").quarantined, next_day(again, "three")) == ((), 7)


def test_a_freeze_counts_for_a_quarantined_job(shop: Repository, follow: Follow) -> None:
    following = follow(shop.root, mode="branch")
    shop.write("jobs/pay/four.yaml", "name: four\n")
    shop.write("jobs/_calendars/year-end.yaml", FREEZE.replace("2027-01-03", "2027-01-09"))
    shop.commit("Break a job and lengthen the freeze")
    following.follower.sync()
    assert job(following, "four").quarantined
    assert next_day(following, "four", datetime(2026, 12, 23, 12, tzinfo=UTC)) == 10


def test_rejecting_refuses_a_broken_calendar(shop: Repository, follow: Follow) -> None:
    following = follow(shop.root, mode="branch", on_invalid="reject")
    shop.write("jobs/_calendars/fr.yaml", BROKEN)
    shop.write_job("one", schedule="@hourly")
    shop.commit("Break a calendar")
    assert following.follower.sync().reason == "ValidationFailed"
    assert job(following, "one").job.timing.definition == "0 2 * * *"


def test_a_freeze_by_environment(shop: Repository, follow: Follow) -> None:
    for name in ("staging", "production"):
        shop.write(f"jobs/_environments/{name}.yaml", "")
    chosen = "applies_to: {environments: [production]}"
    shop.write("jobs/_calendars/year-end.yaml", FREEZE.replace("applies_to: {folder: jobs/pay}", chosen))
    shop.commit("Freeze production")
    eve = datetime(2026, 12, 23, 12, tzinfo=UTC)
    days = [next_day(follow(shop.root, environment=name), "one", eve) for name in ("staging", "production")]
    assert days == [24, 4]
