"""The plan of a change: operations, fields, runs before and after, warnings, deletions that are held."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.jobs.planning import plan
from chronos_gitops.jobs.planning.load_forecast import busiest_minute
from chronos_gitops.jobs.planning.plan import FieldChange, Operation
from chronos_gitops.jobs.planning.review_flags import RunnerState, StoppedVersion
from chronos_gitops.jobs.validation.validate import git_blob_id, validate_file

AT = datetime(2026, 1, 1, tzinfo=UTC)
FIELDS = {"schedule": '"0 2 * * *"', "enabled": "true", "timeout": "30s", "webhook": "{url: https://a.example.com/}"}


def definition(name: str, *, path: str | None = None, comment: str = "", **fields: str) -> JobVersion:
    lines = [f"{field}: {value}" for field, value in (FIELDS | fields).items()]
    content = "\n".join([f"name: {name}", *lines, comment, ""]).encode()
    path = path or f"jobs/{name}.yaml"
    parsed = validate_file(path, content)
    assert parsed.job is not None, parsed.problems
    return JobVersion(parsed.job, path, DefinitionId(git_blob_id(content)))


def jobs(*definitions: JobVersion) -> JobSet:
    return JobSet.of(None, definitions)


def only_change(before: JobSet, after: JobSet) -> plan.JobChange:
    (change,) = plan.plan(before, after, at=AT).changes
    return change


def test_equal_sets_have_an_empty_plan() -> None:
    same = jobs(definition("daily-a"), definition("daily-b"))
    assert plan.plan(same, same, at=AT) == plan.Plan(())


def test_an_added_job_shows_its_next_runs() -> None:
    change = only_change(jobs(), jobs(definition("daily-a")))
    assert change.operation is Operation.ADDED
    assert (change.path_before, change.path_after) == (None, "jobs/daily-a.yaml")
    assert change.runs_before is None
    assert change.runs_after is not None
    assert change.runs_after.next == tuple(AT + timedelta(days=day, hours=2) for day in range(5))
    assert change.runs_after.per_day == 1


def test_a_removed_job_shows_the_runs_that_end() -> None:
    change = only_change(jobs(definition("daily-a")), jobs())
    assert change.operation is Operation.REMOVED
    assert change.runs_after is None
    assert change.runs_before is not None
    assert change.runs_before.per_day == 1


def test_a_changed_schedule_shows_the_runs_of_both_sides() -> None:
    change = only_change(jobs(definition("daily-a")), jobs(definition("daily-a", schedule='"0 */6 * * *"')))
    assert change.operation is Operation.CHANGED
    assert change.fields == (FieldChange("schedule", "0 2 * * *", "0 */6 * * *"),)
    assert change.runs_before is not None
    assert change.runs_after is not None
    assert (change.runs_before.per_day, change.runs_after.per_day) == (1, 4)
    assert change.runs_after.next[0] == AT + timedelta(hours=6)


def test_a_moved_file_is_moved_and_nothing_else() -> None:
    change = only_change(jobs(definition("daily-a")), jobs(definition("daily-a", path="jobs/team/a.yaml")))
    assert change.operation is Operation.MOVED
    assert (change.path_before, change.path_after) == ("jobs/daily-a.yaml", "jobs/team/a.yaml")
    assert change.fields == ()


def test_a_file_that_moves_and_changes_is_changed_and_tells_both_places() -> None:
    change = only_change(jobs(definition("daily-a")), jobs(definition("daily-a", path="jobs/a.yaml", timeout="1m")))
    assert change.operation is Operation.CHANGED
    assert (change.path_before, change.path_after) == ("jobs/daily-a.yaml", "jobs/a.yaml")


@pytest.mark.parametrize(
    "after",
    [
        definition("daily-a", comment="# a word"),
        definition("daily-a", timezone="UTC"),
        definition("daily-a", timeout="0m30s"),
        definition("daily-a", webhook='{"url": "https://a.example.com/", "method": GET}'),
        definition("daily-a", tags="{}"),
    ],
)
def test_what_means_the_same_is_formatting(after: JobVersion) -> None:
    assert only_change(jobs(definition("daily-a")), jobs(after)).operation is Operation.FORMATTING


def test_fields_have_dotted_names_and_absent_values_are_none() -> None:
    before = definition("daily-a", tags="{team: a, old: x}")
    after = definition(
        "daily-a",
        tags="{team: b, new: y}",
        webhook="{url: https://a.example.com/, headers: {X-A: b}, success_codes: [204]}",
    )
    changes = {change.field: (change.before, change.after) for change in plan.field_changes(before.job, after.job)}
    assert changes == {
        "tags.team": ("a", "b"),
        "tags.old": ("x", None),
        "tags.new": (None, "y"),
        "webhook.headers.X-A": (None, "b"),
        "webhook.success_codes": (["200-299"], [204]),
    }


def test_a_target_that_is_waited_for_is_a_changed_field() -> None:
    webhook = "{url: https://a.example.com/, completion: callback}"
    change = only_change(jobs(definition("daily-a")), jobs(definition("daily-a", webhook=webhook)))
    assert change.fields == (FieldChange("webhook.completion", "response", "callback"),)


def test_a_changed_credential_is_told_and_not_shown() -> None:
    hook = "{{url: https://a.example.com/, headers: {{Authorization: Bearer {0}}}, auth: {{type: hmac, secret: {0}}}}}"
    before, after = (definition("daily-a", webhook=hook.format(secret)) for secret in ("hunter21", "hunter22"))
    assert plan.field_changes(before.job, after.job) == (
        FieldChange("webhook.headers.Authorization", "Bearer ***", "Bearer ***"),
        FieldChange("webhook.auth.secret", "***", "***"),
    )


def test_auth_that_appears_is_told_by_its_fields() -> None:
    hook = "{url: https://a.example.com/, auth: {type: bearer, token: '${secret:a}'}}"
    changes = plan.field_changes(definition("daily-a").job, definition("daily-a", webhook=hook).job)
    assert changes == (
        FieldChange("webhook.auth.type", None, "bearer"),
        FieldChange("webhook.auth.token", None, "${secret:a}"),
    )


def test_a_disabled_job_has_no_runs() -> None:
    change = only_change(jobs(definition("daily-a")), jobs(definition("daily-a", enabled="false")))
    assert change.runs_after == plan.Runs((), 0)
    assert change.runs_before is not None
    assert change.runs_before.per_day == 1


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        (
            {"schedule": '"30 2 * * *"', "timezone": "America/New_York"},
            "daylight saving skips a scheduled time in America/New_York; that run comes at 2026-03-08T07:00:00Z",
        ),
        (
            {"schedule": '"*/5 * * * *"', "timeout": "10m"},
            "runs every 5m may take 10m each: runs that fall into a slow one are skipped",
        ),
        (
            {"schedule": '"@every 30s"', "timeout": "1m", "concurrency": "allow"},
            "runs every 30s may take 1m each: slow runs pile up beside each other",
        ),
        (
            {"schedule": '"@every 30s"', "timeout": "1m", "concurrency": "replace"},
            "runs every 30s may take 1m each: a slow run is cancelled by the next one",
        ),
        (
            {"schedule": '"@every 30s"', "timeout": "1m", "concurrency": "queue"},
            "runs every 30s may take 1m each: runs that fall into a slow one queue up; after 100 they are skipped",
        ),
        (
            {"schedule": '"0 2 * * *"', "timeout": "30s", "expect": "{success_every: 24h}"},
            "nothing is due from 2026-01-01T02:00:00Z to 2026-01-02T02:00:00Z",
        ),
        (
            {"schedule": '"0 5 * * *"', "timeout": "30m", "expect": '{finish_by: "06:00"}'},
            "3 attempts of 30m and their waits take up to 1h32m24s from 05:00",
        ),
        (
            {"schedule": '"0 2 * * *"', "timeout": "30s", "expect": "{max_duration: 2h}"},
            "max_duration 2h is never reached: a run ends within 3m54s",
        ),
    ],
)
def test_flags_about_time(fields: dict[str, str], warning: str) -> None:
    after = jobs(definition("daily-a", **fields))
    for before in (jobs(), jobs(definition("daily-a"))):
        assert [flag.message for flag in only_change(before, after).flags] == [warning]


OTHER = {"webhook": "{url: https://b.example.com/}"}


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        ({}, {"enabled": "false"}, ["disabled"]),
        ({"enabled": "false"}, {}, ["enabled"]),
        (None, {"enabled": "false"}, ["disabled"]),
        ({}, {"schedule": '"0 0 29 2 *"'}, ["never-fires"]),
        ({}, OTHER, ["new-host"]),
        ({}, {"webhook": "{url: https://a.example.com/other}"}, []),
        ({}, {"webhook": "{url: '${secret:address}'}"}, []),
        (
            {},
            {
                "webhook": "{url: https://a.example.com/, auth: {type: oauth2, token_url: https://c.example.com/,"
                " client_id: x, client_secret: '${secret:c}'}}"
            },
            ["new-host"],
        ),
        ({}, {"description": "text"}, []),
        ({}, None, []),
    ],
)
def test_flags_about_what_a_change_does(
    before: dict[str, str] | None, after: dict[str, str] | None, kinds: list[str]
) -> None:
    both = definition("daily-b")
    change = only_change(
        jobs(both, *([] if before is None else [definition("daily-a", **before)])),
        jobs(both, *([] if after is None else [definition("daily-a", **after)])),
    )
    assert [flag.kind.value for flag in change.flags] == kinds


def test_no_host_is_new_where_there_was_no_tree_and_none_that_another_job_calls() -> None:
    assert only_change(jobs(), jobs(definition("daily-a", **OTHER))).flags == ()
    one = definition("daily-b", **OTHER)
    assert only_change(jobs(one), jobs(one, definition("daily-a", **OTHER))).flags == ()


def test_what_the_server_says_is_flagged_on_what_changes() -> None:
    live = RunnerState("c0ffee", {"daily-a": "the disk is full", "daily-b": ""}, frozenset({"daily-a", "daily-c"}))
    before = jobs(*(definition(f"daily-{letter}") for letter in "abcd"))
    after = jobs(definition("daily-a", comment="# text"), definition("daily-b"), definition("daily-d"))
    found = plan.plan(before, after, at=AT, live=live)
    assert {change.job: [flag.message for flag in change.flags] for change in found.changes} == {
        "daily-a": [
            "it is paused on the server: the disk is full",
            "it is running on the server now; that run ends as it was before this change",
        ],
        "daily-c": ["it is running on the server now; that run ends before the job is gone"],
    }


def test_an_edit_that_ends_the_guards_pause_says_how_many_runs_are_given_up() -> None:
    live = RunnerState(
        "c0ffee", stopped=dict.fromkeys(("daily-a", "daily-b"), StoppedVersion(7, AT - timedelta(days=4)))
    )
    before = jobs(definition("daily-a"), definition("daily-b"))
    [change] = plan.plan(before, jobs(definition("daily-a", **OTHER), definition("daily-b")), at=AT, live=live).changes
    found = [flag.message for flag in change.flags if flag.kind.value == "paused"]
    assert found == ["it ends the pause of version 7; 4 missed ticks are not run"]


def peaks(before: JobSet, after: JobSet) -> list[tuple[str, int] | None]:
    found = busiest_minute(before, after, at=AT)
    return [None if peak is None else (peak.minute.strftime("%d %H:%M"), peak.runs) for peak in found]


def test_the_busiest_minute_counts_every_enabled_job_of_the_tree() -> None:
    daily, weekly = definition("daily-a"), definition("weekly-a", schedule='"0 2 * * MON"')
    zoned = definition("daily-b", schedule='"0 3 * * *"', timezone="Europe/Paris")
    off = definition("daily-c", enabled="false")
    assert peaks(jobs(), jobs(off)) == [None, None]
    assert peaks(jobs(daily), jobs(daily, zoned, off)) == [("01 02:00", 1), ("01 02:00", 2)]
    assert peaks(jobs(daily), jobs(daily, weekly)) == [("01 02:00", 1), ("05 02:00", 2)]


def test_schedules_of_every_few_seconds_count_for_every_minute() -> None:
    often = definition("often-a", schedule='"*/20 * * * * *"')
    assert peaks(jobs(often), jobs(often, definition("daily-a"))) == [("01 00:00", 3), ("01 02:00", 4)]


def test_equal_schedules_with_a_hash_are_spread_by_name() -> None:
    spread = jobs(*(definition(f"daily-{number}", schedule='"H H * * *"') for number in range(20)))
    assert peaks(jobs(), spread)[1] == peaks(spread, jobs())[0]
    assert (peaks(jobs(), spread)[1] or ("", 99))[1] < 5


def test_changes_come_by_name_and_sums_count_all_of_them() -> None:
    before = jobs(definition("daily-a"), definition("daily-b"), definition("daily-c"))
    after = jobs(definition("daily-b"), definition("daily-c", schedule='"@hourly"'), definition("daily-d"))
    found = plan.plan(before, after, at=AT)
    assert [(change.job, change.operation.value) for change in found.changes] == [
        ("daily-a", "removed"),
        ("daily-c", "changed"),
        ("daily-d", "added"),
    ]
    assert found.runs_per_day() == (2, 25)
    assert [change.job for change in found.of(Operation.ADDED)] == ["daily-d"]


@pytest.mark.parametrize(
    ("existing", "deleted", "held"),
    [
        (3, 3, True),
        (4, 4, True),
        (4, 3, False),
        (10, 3, False),
        (10, 4, True),
        (20, 6, False),
        (20, 7, True),
        (1, 1, True),
    ],
)
def test_more_than_three_and_more_than_thirty_per_cent_of_deletions_are_held(
    existing: int, deleted: int, held: bool
) -> None:
    before = jobs(*(definition(f"job-{number:02}") for number in range(existing)))
    after = jobs(*list(before)[deleted:])
    names = tuple(f"job-{number:02}" for number in range(deleted))
    assert plan.held_deletions(before, after) == (names if held else ())
    found = plan.plan(before, after, at=AT)
    assert found.unsafe == (names if held else ())
    assert found.checksum == (plan.deletion_checksum(names) if held else None)


def test_added_jobs_do_not_make_up_for_deletions() -> None:
    before = jobs(*(definition(f"old-{number}") for number in range(5)))
    after = jobs(*(definition(f"new-{number}") for number in range(50)))
    assert len(plan.held_deletions(before, after)) == 5


@settings(deadline=None)
@given(st.sets(st.from_regex(r"[a-z]{1,5}-[a-z]{1,5}", fullmatch=True)))
def test_a_checksum_knows_names_and_not_their_order(names: set[str]) -> None:
    checksum = plan.deletion_checksum(names)
    assert checksum == plan.deletion_checksum(sorted(names, reverse=True))
    assert checksum.startswith("sha256:")
    assert len(checksum) == len("sha256:") + 64
    assert checksum != plan.deletion_checksum({*names, "one-more"}) or "one-more" in names


def test_a_checksum_stays_the_same_between_releases() -> None:
    """A checksum that was shown before an upgrade still approves: ``printf 'a-a\\nb-b' | sha256sum``."""
    expected = "sha256:e74d278b8e14f670b1085343ca0bf9ca15d034b0776ccb4edd2ca968556736ad"
    assert plan.deletion_checksum(["b-b", "a-a"]) == expected


def test_past_one_offs_and_ended_jobs_are_flagged() -> None:
    schedule = '["@at 2025-12-24T18:00", "@at 2026-12-24T18:00"]'
    change = only_change(jobs(), jobs(definition("daily-a", schedule=schedule)))
    assert [flag.message for flag in change.flags if flag.kind == "at-past"] == [
        "@at 2025-12-24T18:00 is past and does not run"
    ]
    ended = only_change(jobs(), jobs(definition("daily-a", end="2025-12-24")))
    assert [flag.kind.value for flag in ended.flags if flag.kind in ("ended", "never-fires")] == ["ended"]
