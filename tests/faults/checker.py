"""The rules that hold under every fault: each scheduled time has one row, none has two keys, no request is without a
row, no success without a request, and everything ends. Pure."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from faults.evidence import FINAL, Evidence, Row, Violation

_SLACK_MS = 10_000
"""A runner notices within this time that its clock was ahead; scheduled times until then have the row of the jump."""
_OFTEN = timedelta(seconds=10)

Rule = Callable[[Evidence], Iterator[str]]


def violations(evidence: Evidence) -> list[Violation]:
    return [Violation(rule.__name__, detail) for rule in RULES for detail in rule(evidence)]


def scheduled_times(evidence: Evidence) -> int:
    """The number of scheduled times until ``until`` that have a row."""
    return sum(
        1 + (min(end, evidence.until) - first) // evidence.periods[job]
        for job in evidence.periods
        for first, end in _joined(evidence, job)
        if first <= evidence.until
    )


def repeated_lines(log: str) -> list[str]:
    """Lines of a runner's log in JSON that came more than three times in ten seconds, in all but their time."""
    times: dict[str, list[datetime]] = defaultdict(list)
    for text in log.splitlines():
        if text.startswith("{") and text.endswith("}"):
            line = json.loads(text)
            at = datetime.fromisoformat(line.pop("ts"))
            times[json.dumps(line, sort_keys=True)].append(at)
    return [
        line for line, found in times.items() if any(b - a < _OFTEN for a, b in zip(found, found[3:], strict=False))
    ]


def everything_ends(evidence: Evidence) -> Iterator[str]:
    for row in evidence.rows:
        if row.status not in FINAL and not row.is_archived:
            yield f"{row.job} {row.tick} {row.id} is still {row.status}"


def each_scheduled_time_has_a_row(evidence: Evidence) -> Iterator[str]:
    for job, period in evidence.periods.items():
        ranges = [*_joined(evidence, job)]
        if not ranges:
            yield f"{job} has no rows"
            continue
        ends = [end for _, end in ranges]
        for end, following in zip(ends, [*(first for first, _ in ranges[1:]), evidence.until + period], strict=True):
            for missing in range(end + period, min(following, evidence.until + 1), period):
                if not any(lost.since <= missing <= lost.until for lost in evidence.lost_ledgers):
                    yield f"{job} has no row for {missing}"


def no_scheduled_time_has_two_rows(evidence: Evidence) -> Iterator[str]:
    """By id: a ledger and its copy may both have the row. Rows that a wrong clock made stand for times to come."""
    by_job: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in _reachable(evidence):
        if row.tick is not None and not _is_of_a_wrong_clock(evidence, row):
            by_job[row.job].setdefault(row.id, row)
    for job, rows in by_job.items():
        before: Row | None = None
        for row in sorted(rows.values(), key=lambda row: (row.first or 0, row.tick or 0)):
            if before is not None and (row.first or 0) <= (before.tick or 0):
                yield f"{job} has {before.id} ({before.first} to {before.tick}) and {row.id} ({row.first})"
            before = row


def no_scheduled_time_has_two_keys(evidence: Evidence) -> Iterator[str]:
    """Of one ledger: an empty one that took the place of another does not know what that has sent."""
    manual = {row.id for row in evidence.rows if row.tick is None}
    identities = {row.id: row.identity for row in evidence.rows}
    keys: dict[tuple[str, int, str], set[str]] = defaultdict(set)
    for request in evidence.requests:
        if request.key != request.execution:
            yield f"{request.job} {request.tick} has the key {request.key} and the execution {request.execution}"
        if request.execution not in manual:
            keys[request.job, request.tick, identities.get(request.execution, "")].add(request.key)
    for (job, tick, _), found in keys.items():
        if len(found) > 1:
            yield f"{job} {tick} was sent with {sorted(found)}"


def no_request_is_without_a_row(evidence: Evidence) -> Iterator[str]:
    known = {row.id for row in evidence.rows}
    for request in evidence.requests:
        if request.execution not in known:
            yield f"{request.job} {request.tick} {request.execution} was sent at {request.at}"


def no_success_is_without_a_request(evidence: Evidence) -> Iterator[str]:
    sent = {request.execution for request in evidence.requests}
    for row in evidence.rows:
        if row.status == "success" and row.id not in sent:
            yield f"{row.job} {row.tick} {row.id}"


RULES: tuple[Rule, ...] = (
    everything_ends,
    each_scheduled_time_has_a_row,
    no_scheduled_time_has_two_rows,
    no_scheduled_time_has_two_keys,
    no_request_is_without_a_row,
    no_success_is_without_a_request,
)


def _joined(evidence: Evidence, job: str) -> Iterator[tuple[int, int]]:
    """The scheduled times with a row, as ranges without a gap, oldest first."""
    period = evidence.periods[job]
    current: tuple[int, int] | None = None
    for first, end in sorted(_range(evidence, row) for row in evidence.rows if row.job == job and row.tick is not None):
        if current is not None and first <= current[1] + period:
            current = (current[0], max(current[1], end))
            continue
        if current is not None:
            yield current
        current = (first, end)
    if current is not None:
        yield current


def _reachable(evidence: Evidence) -> Iterator[Row]:
    """Without what was claimed in a ledger between its loss and the notice of that, and neither sent nor ended: no
    runner has that ledger any more, and its copy decides about the scheduled time."""
    sent = {request.execution for request in evidence.requests}
    for row in evidence.rows:
        if not row.is_archived or row.status in FINAL or row.id in sent:
            yield row


def _range(evidence: Evidence, row: Row) -> tuple[int, int]:
    """The scheduled times that a row records; times missed by a wrong clock count until the clock was right."""
    assert row.tick is not None
    first = row.tick if row.first is None else row.first
    for wrong in evidence.wrong_clocks:
        if first < row.tick and _was_made_by(row, wrong.since, wrong.until, wrong.offset):
            end = max(first, min(row.tick, wrong.until + _SLACK_MS))
            return first, end - (end - first) % evidence.periods[row.job]
    return first, row.tick


def _is_of_a_wrong_clock(evidence: Evidence, row: Row) -> bool:
    return any(_was_made_by(row, wrong.since, wrong.until, wrong.offset) for wrong in evidence.wrong_clocks)


def _was_made_by(row: Row, since: int, until: int, offset: int) -> bool:
    return since + offset - _SLACK_MS <= row.created_at <= until + offset + _SLACK_MS
