"""Each rule of the checker finds what breaks it, and nothing in a history that is right."""

from dataclasses import replace

import pytest
from faults.checker import scheduled_times, violations
from faults.evidence import Evidence, Request, Row, Window, WrongClock

HOUR = 3_600_000


def row(tick: int, *, name: str | None = None, status: str = "success", first: int | None = None, at: int = -1) -> Row:
    return Row(name or f"id-{tick}", "job", tick, tick if first is None else first, status, tick if at < 0 else at)


def request(tick: int, *, name: str | None = None, key: str | None = None) -> Request:
    execution = name or f"id-{tick}"
    return Request("job", execution, key or execution, tick, tick)


RIGHT = Evidence(
    rows=[row(1000), row(2000), row(5000, status="skipped", first=3000), row(6000)],
    requests=[request(1000), request(2000), request(6000), request(6000)],
    periods={"job": 1000},
    until=6000,
)


def broken(evidence: Evidence) -> set[str]:
    return {violation.rule for violation in violations(evidence)}


def test_a_history_that_is_right_breaks_no_rule() -> None:
    assert violations(RIGHT) == []
    assert scheduled_times(RIGHT) == 6


@pytest.mark.parametrize(
    ("rule", "evidence"),
    [
        ("everything_ends", replace(RIGHT, rows=[*RIGHT.rows[:3], row(6000, status="pending")])),
        ("each_scheduled_time_has_a_row", replace(RIGHT, rows=[*RIGHT.rows[:2], row(6000)])),
        ("each_scheduled_time_has_a_row", replace(RIGHT, until=7000)),
        ("each_scheduled_time_has_a_row", replace(RIGHT, rows=[], requests=[])),
        ("no_scheduled_time_has_two_rows", replace(RIGHT, rows=[*RIGHT.rows, row(2000, name="b", status="skipped")])),
        ("no_scheduled_time_has_two_rows", replace(RIGHT, rows=[*RIGHT.rows, row(4000, status="skipped")])),
        ("no_scheduled_time_has_two_keys", replace(RIGHT, requests=[*RIGHT.requests, request(2000, name="id-1000")])),
        ("no_scheduled_time_has_two_keys", replace(RIGHT, requests=[*RIGHT.requests, request(2000, key="other")])),
        ("no_request_is_without_a_row", replace(RIGHT, requests=[*RIGHT.requests, request(7000)])),
        ("no_success_is_without_a_request", replace(RIGHT, requests=RIGHT.requests[1:])),
    ],
)
def test_a_broken_rule_is_found(rule: str, evidence: Evidence) -> None:
    assert broken(evidence) == {rule}


@pytest.mark.parametrize(
    ("status", "is_sent", "rules"),
    [
        ("pending", False, set()),
        ("pending", True, {"no_scheduled_time_has_two_rows"}),
        ("skipped", False, {"no_scheduled_time_has_two_rows"}),
    ],
)
def test_what_a_lost_ledger_claimed_last_counts_once_it_was_sent_or_ended(
    status: str, is_sent: bool, rules: set[str]
) -> None:
    """Its copy gave the scheduled time up, with the ones after it."""
    lost = replace(row(4000, name="lost", status=status), is_archived=True)
    requests = [*RIGHT.requests, *([request(4000, name="lost")] if is_sent else [])]
    assert broken(replace(RIGHT, rows=[*RIGHT.rows, lost], requests=requests)) == rules


def test_a_ledger_that_took_the_place_of_another_has_keys_of_its_own() -> None:
    """A clock that is ahead twice, with an empty ledger between, sends the same scheduled time of the future twice."""
    again = replace(row(2000, name="b"), identity="second")
    of_both = replace(RIGHT, rows=[*RIGHT.rows, again], requests=[*RIGHT.requests, request(2000, name="b")])
    assert "no_scheduled_time_has_two_keys" not in broken(of_both)


def test_a_wrong_clock_accounts_for_no_scheduled_time_after_it_was_right_again() -> None:
    """The row of what the jump missed reaches into the future; each time until then has a row of its own."""
    jump = row(8 * HOUR, status="skipped", first=3000, at=8 * HOUR + 1000)
    wrong = WrongClock(since=3000, until=5000, offset=8 * HOUR)
    late = [row(tick) for tick in range(6000, 31_000, 1000)]
    requests = [request(tick) for tick in (1000, 2000, *range(6000, 31_000, 1000))]
    right = Evidence([row(1000), row(2000), jump, *late], requests, {"job": 1000}, 30_000, [wrong])
    assert violations(right) == []
    silenced = replace(right, rows=[row(1000), row(2000), jump], requests=requests[:2])
    assert broken(silenced) == {"each_scheduled_time_has_a_row"}


def test_a_ledger_that_was_lost_excuses_its_gap_only() -> None:
    lost = replace(RIGHT, rows=[row(1000), row(5000), row(6000)], requests=[request(t) for t in (1000, 5000, 6000)])
    assert violations(replace(lost, lost_ledgers=[Window(1500, 4500)])) == []
    assert broken(replace(lost, lost_ledgers=[Window(1500, 3500)])) == {"each_scheduled_time_has_a_row"}


def test_unfinished_rows_of_a_ledger_that_is_gone_are_no_fault() -> None:
    archived = replace(row(2000, status="running"), is_archived=True)
    assert violations(replace(RIGHT, rows=[row(1000), archived, *RIGHT.rows[2:]])) == []
