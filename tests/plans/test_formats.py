"""Plans as text, JSON and Markdown."""

import html
import json
import re
from datetime import UTC, datetime

import pytest

from chronos_gitops.jobs.planning.held import deletion_checksum
from chronos_gitops.jobs.planning.load_forecast import BusyMinute
from chronos_gitops.jobs.planning.plan import FieldChange, JobChange, Operation, Plan, Runs
from chronos_gitops.jobs.planning.review_flags import FlagKind, ReviewFlag, RunnerState
from chronos_gitops.plans import json as plans_json
from chronos_gitops.plans import markdown
from chronos_gitops.plans import text as plans_text
from chronos_gitops.plans.formats import PLAN_FORMATS
from chronos_gitops.plans.wording import Sides, factor, upcoming

DAILY = Runs(tuple(datetime(2026, 1, day, 2, tzinfo=UTC) for day in range(1, 6)), 1.0)
OFTEN = Runs(tuple(datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(1, 6)), 24.0)
NEVER = Runs((), 0.0)
CHANGED = JobChange(
    "daily-a",
    Operation.CHANGED,
    "jobs/a.yaml",
    "jobs/team/a.yaml",
    (FieldChange("schedule", "0 2 * * *", "@hourly"), FieldChange("tags.team", None, "a|b")),
    DAILY,
    OFTEN,
    (ReviewFlag(FlagKind.OVERLAP, "runs every 1h may take 2h each: slow runs pile up beside each other"),),
)
ADDED = JobChange("daily-b", Operation.ADDED, None, "jobs/b.yaml", runs_after=DAILY)
MOVED = JobChange("daily-c", Operation.MOVED, "jobs/c.yaml", "jobs/x/c.yaml", (), DAILY, DAILY)
REMOVED = JobChange("daily-d", Operation.REMOVED, "jobs/d.yaml", None, runs_before=DAILY)
FORMATTED = JobChange("daily-e", Operation.FORMATTING, "jobs/e.yaml", "jobs/e.yaml", (), NEVER, NEVER)
PEAKS = (None, BusyMinute(datetime(2026, 1, 1, 2, tzinfo=UTC), 1_200))
PLAN = Plan((CHANGED, ADDED, MOVED, REMOVED, FORMATTED), ("daily-d",), deletion_checksum(["daily-d"]), PEAKS)
CI_SIDES = Sides("3" * 40, "HEAD", "3" * 40, "2" * 40)
SIDES = Sides("main", "HEAD", "1" * 40, "2" * 40, is_merged=True)


def test_text_shows_everything_a_reviewer_asks_for() -> None:
    assert plans_text.render(PLAN, SIDES) == (
        "Plan main..HEAD: 1 to add, 1 to change, 1 to move, 1 to remove, 1 formatting only\n"
        "What merging HEAD (222222222222) into main (111111111111) gives.\n"
        "\n"
        "  ~ daily-a  jobs/a.yaml -> jobs/team/a.yaml\n"
        '      schedule   "0 2 * * *" -> "@hourly"\n'
        '      tags.team  (none) -> "a|b"\n'
        "      runs per day 1 -> 24 (x24)\n"
        "      next runs before 2026-01-01T02:00:00Z, 2026-01-02T02:00:00Z, 2026-01-03T02:00:00Z,"
        " 2026-01-04T02:00:00Z, 2026-01-05T02:00:00Z\n"
        "      next runs after  2026-01-01T01:00:00Z, 2026-01-01T02:00:00Z, 2026-01-01T03:00:00Z,"
        " 2026-01-01T04:00:00Z, 2026-01-01T05:00:00Z\n"
        "      ! overlap: runs every 1h may take 2h each: slow runs pile up beside each other\n"
        "\n"
        "  + daily-b  jobs/b.yaml\n"
        "      runs per day 1\n"
        "      next runs 2026-01-01T02:00:00Z, 2026-01-02T02:00:00Z, 2026-01-03T02:00:00Z,"
        " 2026-01-04T02:00:00Z, 2026-01-05T02:00:00Z\n"
        "\n"
        "  > daily-c  jobs/c.yaml -> jobs/x/c.yaml\n"
        "\n"
        "  - daily-d  jobs/d.yaml\n"
        "      runs per day 1\n"
        "      next runs 2026-01-01T02:00:00Z, 2026-01-02T02:00:00Z, 2026-01-03T02:00:00Z,"
        " 2026-01-04T02:00:00Z, 2026-01-05T02:00:00Z\n"
        "\n"
        "  = daily-e  jobs/e.yaml\n"
        "\n"
        "Runs per day of these jobs: 3 -> 26\n"
        "Runs in the busiest minute of the week, all jobs: none -> 1,200 at 2026-01-01T02:00Z\n"
        "\n"
        "Unsafe: a runner holds these 1 deletions until they are approved.\n"
        f"  checksum {deletion_checksum(['daily-d'])}\n"
        "  or a commit with the trailer  Chronos-Allow-Deletes: 1\n"
    )


def test_json_is_complete() -> None:
    shown = json.loads(plans_json.render(PLAN, SIDES))
    assert (shown["base"], shown["head"], shown["merged"]) == ("main", "HEAD", True)
    assert (shown["base_commit"], shown["head_commit"], shown["server"]) == ("1" * 40, "2" * 40, None)
    assert shown["busiest_minute"] == {"before": None, "after": {"minute": "2026-01-01T02:00:00Z", "runs": 1_200}}
    assert shown["summary"] == {"added": 1, "changed": 1, "moved": 1, "removed": 1, "formatting": 1, "unsafe": 1}
    assert shown["runs_per_day"] == {"before": 3, "after": 26}
    assert shown["unsafe"] == {"jobs": ["daily-d"], "checksum": deletion_checksum(["daily-d"])}
    assert shown["changes"][0] == {
        "job": "daily-a",
        "operation": "changed",
        "path_before": "jobs/a.yaml",
        "path_after": "jobs/team/a.yaml",
        "fields": [
            {"field": "schedule", "before": "0 2 * * *", "after": "@hourly"},
            {"field": "tags.team", "before": None, "after": "a|b"},
        ],
        "runs_before": {
            "timezone": "UTC",
            "next": [f"2026-01-0{day}T02:00:00Z" for day in range(1, 6)],
            "per_day": 1.0,
        },
        "runs_after": {
            "timezone": "UTC",
            "next": [f"2026-01-01T0{hour}:00:00Z" for hour in range(1, 6)],
            "per_day": 24.0,
        },
        "flags": [
            {"kind": "overlap", "message": "runs every 1h may take 2h each: slow runs pile up beside each other"}
        ],
        "environments": None,
        "cause": "own",
        "inherited_from": [],
        "backtest": None,
    }
    assert shown["changes"][1]["runs_before"] is None


def test_markdown_is_a_comment_that_can_be_found_again() -> None:
    text = markdown.render(PLAN, SIDES)
    assert text.startswith(f"{markdown.MARKER}\n\n### Plan main..HEAD: 1 to add, 1 to change")
    moved = "<code>jobs/a.yaml</code> → <code>jobs/team/a.yaml</code>"
    assert f"| ~ changed | <code>daily-a</code> | {moved} | 1 → 24 (x24) | overlap |" in text
    assert "<details><summary>daily-a</summary>" in text
    assert '| <code>tags.team</code> | <code>(none)</code> | <code>"a&#124;b"</code> |' in text
    assert "`Chronos-Allow-Deletes: 1`" in text


@pytest.mark.parametrize("hostile", ["<b>hi</b>", "a | b", "`code`", "[x](http://y)", "@team #1 _x_ *y* ~z~ $a$"])
def test_markdown_takes_no_markup_from_values(hostile: str) -> None:
    change = JobChange(
        "daily-a", Operation.CHANGED, "j", "j", (FieldChange("description", None, hostile),), NEVER, NEVER
    )
    text = markdown.render(Plan((change,)), Sides(hostile, "x"))
    (encoded,) = re.findall(r"<code>description</code> .*<code>([^<]*)</code> \|", text)
    assert html.unescape(encoded) == json.dumps(hostile)
    assert not set("<>|`[]@*_#~$") & set(re.sub(r"&#\d+;", "", encoded))
    assert hostile not in text


def test_markdown_stays_below_the_limit_of_a_comment() -> None:
    many = Plan((CHANGED,) * 2_000)
    assert len(markdown.render(many)) < 65_000
    some = Plan(many.changes[:150])
    text = markdown.render(some)
    assert len(text) < 65_000
    assert "more; `chronos-gitops plan` shows them." in text


@pytest.mark.parametrize("name", PLAN_FORMATS)
def test_an_empty_plan_says_so(name: str) -> None:
    text = PLAN_FORMATS[name](Plan(()))
    assert text.endswith("\n")
    assert "no changes" in text or json.loads(text)["changes"] == []


def test_values_are_shown_on_one_line_and_not_too_long() -> None:
    change = JobChange(
        "daily-a", Operation.CHANGED, "j", "j", (FieldChange("webhook.body", "a\n\x9b" * 100, None),), NEVER, NEVER
    )
    line = next(line for line in plans_text.render(Plan((change,))).splitlines() if "webhook.body" in line)
    assert line.isprintable()
    assert len(line) < 150


def test_runs_are_told_in_utc_and_on_the_wall_of_the_jobs_zone() -> None:
    night = datetime(2026, 3, 8, 6, 30, tzinfo=UTC)
    assert upcoming(Runs((night,), 1.0, "America/New_York")) == "2026-03-08T06:30:00Z (Sun 01:30 EST)"
    assert upcoming(Runs((night.replace(hour=7, second=5),), 1.0, "America/New_York")).endswith("(Sun 03:30:05 EDT)")
    assert upcoming(Runs((night,), 1.0)) == "2026-03-08T06:30:00Z"
    assert upcoming(None) == upcoming(NEVER) == "(never)"


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [(DAILY, OFTEN, " (x24)"), (OFTEN, DAILY, " (x0.0417)"), (DAILY, DAILY, ""), (NEVER, DAILY, ""), (DAILY, None, "")],
)
def test_the_factor_is_told_where_there_is_one(before: Runs, after: Runs | None, shown: str) -> None:
    assert factor(JobChange("a", Operation.CHANGED, "j", "j", (), before, after)) == shown


@pytest.mark.parametrize("name", ["text", "markdown"])
def test_what_was_compared_and_what_the_server_runs_is_said(name: str) -> None:
    asked = Plan(PLAN.changes, live=RunnerState("3" * 40))
    assert "The server runs 333333333333." in PLAN_FORMATS[name](asked, SIDES)

    assert "main (111111111111) compared with worktree." in PLAN_FORMATS[name](
        asked, Sides("main", "worktree", "1" * 40)
    )
    assert "applied no commit" in PLAN_FORMATS[name](Plan((), live=RunnerState()), SIDES)


def test_a_flag_takes_no_markup_and_no_line_break_with_it() -> None:
    flag = ReviewFlag(FlagKind.PAUSED, "it is paused: <b>\n# x")
    text = markdown.render(Plan((JobChange("a", Operation.MOVED, "j", "k", flags=(flag,)),)))
    assert "- ⚠ paused: it is paused: &#60;b&#62;&#92;n&#35; x\n" in text


def test_a_commit_that_ci_names_by_its_whole_id_is_shown_by_its_beginning() -> None:
    text = markdown.render(Plan(()), CI_SIDES)
    assert text.splitlines()[2] == "### Plan 333333333333..HEAD: no changes"
    assert f"{'3' * 12} compared with HEAD ({'2' * 12})." in text
    assert "3" * 13 not in text
