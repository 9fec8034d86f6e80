"""Strips, bars and annotated lines: values in, values out."""

from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.engine.model import Execution, Status, Trigger
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.server.web import charts
from chronos_gitops.server.web.blame import annotate
from chronos_gitops.server.web.cache import PageCache

NOW = datetime(2026, 3, 8, 7, tzinfo=UTC)


def run(status: Status, *, minutes: int = 0, took: int | None = None) -> Execution:
    at = NOW - timedelta(minutes=minutes)
    return Execution("id", "one", at, Trigger.SCHEDULE, status, duration_ms=took)


def test_a_strip_names_its_first_peak() -> None:
    found = charts.strip([0, 2, 4, 4], NOW, timedelta(minutes=15))
    assert (found.total, found.peak, found.peak_at) == (10, 4, NOW + timedelta(minutes=30))
    assert [column.height for column in found.columns] == [0, 20, 40, 40]
    assert found.columns[1].title == "Sun 07:15 UTC: 2"


def test_an_empty_strip_has_no_peak() -> None:
    assert charts.strip([0, 0], NOW, timedelta(minutes=15)).peak_at is None


def test_bars_are_oldest_first_at_the_right_and_can_all_be_seen() -> None:
    runs = [run(Status.FAILED, took=1), run(Status.SUCCESS, minutes=1, took=100), run(Status.SKIPPED, minutes=2)]
    found = charts.bars(runs, 5)
    assert [(bar.x, bar.kind, bar.height) for bar in found] == [
        (2, "skipped", 10),
        (3, "success", 40),
        (4, "failed", 10),
    ]


def test_each_line_has_the_version_that_wrote_it() -> None:
    found = annotate([(1, "a\nb\nc\n"), (2, "a\nB\nc\n"), (4, "a\nB\nx\nc\n")])
    assert [(line.text, line.version) for line in found] == [("a", 1), ("B", 2), ("x", 4), ("c", 1)]


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=8), min_size=1, max_size=5))
def test_annotating_keeps_the_newest_content_and_names_known_versions(contents: list[list[str]]) -> None:
    versions = [(number, "\n".join(lines)) for number, lines in enumerate(contents, 1)]
    found = annotate(versions)
    assert [line.text for line in found] == versions[-1][1].splitlines()
    assert {line.version for line in found} <= set(range(1, len(versions) + 1))


def test_bars_of_one_kind_are_one_outline_and_words_tell_them_all() -> None:
    runs = [run(Status.SUCCESS, took=100), run(Status.FAILED, took=50), run(Status.SUCCESS, took=100)]
    outlines = charts.outlines(charts.bars(runs, 20))
    assert {kind: outline.count("M") for kind, outline in outlines} == {"success": 2, "failed": 1}
    assert charts.told(runs) == "2 success, 1 failed"


def test_half_of_the_runs_and_nearly_all_of_them() -> None:
    runs = [run(Status.SUCCESS, took=took) for took in range(1, 101)]
    assert charts.typical(runs) == (51, 96)
    assert charts.typical([*runs[:2], run(Status.FAILED, took=9000)]) is None


def test_what_is_kept_is_made_once_for_the_same_jobs_and_the_oldest_goes_first() -> None:
    kept, made = PageCache(2), count(1)

    def ask(jobs: JobSet, key: str) -> int:
        return kept.of(jobs, key, lambda: next(made))

    one, other = JobSet("a"), JobSet("a")
    assert [ask(one, key) for key in ("x", "x", "y", "z", "y", "x")] == [1, 1, 2, 3, 2, 4]
    assert ask(other, "y") == 5
