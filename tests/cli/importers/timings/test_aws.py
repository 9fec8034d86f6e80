"""Expressions of EventBridge, beside a reader of its documented rules that looks at every minute."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from chronos_gitops.cli.importers.model import Unconvertible
from chronos_gitops.cli.importers.timings import aws
from chronos_gitops.jobs.model import Job

_BASE = datetime(2027, 1, 1, tzinfo=UTC)
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEK = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate(5 minutes)", {"schedule": "@every 5m"}),
        ("rate(1 hour)", {"schedule": "@every 1h"}),
        ("rate(7 days)", {"schedule": "@every 168h"}),
        ("rate(100000  minutes)", {"schedule": "@every 100000m"}),
        ("at(2026-12-24T18:00:00)", {"schedule": "@at 2026-12-24T18:00"}),
        ("at(2026-12-24T18:00:30)", {"schedule": "@at 2026-12-24T18:00:30"}),
        ("cron(0 10 * * ? *)", {"schedule": "0 10 * * *"}),
        ("cron(15 12 ? * SUN-SAT *)", {"schedule": "15 12 * * *"}),
        ("cron(0/10 * ? * MON-FRI *)", {"schedule": "*/10 * * * 1-5"}),
        ("cron(0 18 ? * 2-6 *)", {"schedule": "0 18 * * 1-5"}),
        ("cron(0 8 1 * ? *)", {"schedule": "0 8 1 * *"}),
        ("cron(0 9 ? * 2#1 *)", {"schedule": "0 9 * * 1#1"}),
        ("cron(15 10 ? * 6L 2027-2029)", {"schedule": "15 10 * * 5L", "start": "2027-01-01", "end": "2029-12-31"}),
        ("cron(0 0 L * ? *)", {"schedule": "0 0 L * *"}),
        ("cron(0 0 15W JAN,jul ? *)", {"schedule": "0 0 15W 1,7 *"}),
        ("cron(0 0 ? * L *)", {"schedule": "0 0 * * 6"}),
    ],
)
def test_expressions_of_the_documentation(text: str, expected: dict[str, str]) -> None:
    assert aws.read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "cron()", "cron(* * * * *)", "cron(0 0 1 * MON *)", "cron(60 0 * * ? *)", "cron(0 0 ? * 8 *)",
        "cron(0 0 ? * FRI-MON *)", "rate(5)", "rate(0 minutes)", "rate(-1 day)", "rate(five minutes)",
        "at(tomorrow)", "cron(0 0 L-3 * ? *)",
        "cron(0/0 0 * * ? *)", "cron(0 0 * * ? 2027,2030)", "rate(1 week)",
    ],
)  # fmt: skip
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(Unconvertible):
        job(aws.read(text))


def job(document: dict[str, str]) -> Job:
    try:
        return Job.from_document({"name": "a", "webhook": {"url": "http://example.com/"}} | document)
    except ValueError as error:
        raise Unconvertible(str(error)) from error


def test_random_expressions_run_in_the_minutes_that_their_fields_name() -> None:
    random = Random(22)
    for _ in range(300):
        fields = _fields(random)
        expected, at = [], _BASE
        while len(expected) < 6 and at < _BASE + timedelta(days=800):
            is_day = _is_in(fields[3], at.month, 1, 12, _MONTHS) and (
                _is_in(fields[2], at.day, 1, 31, []) if fields[4] == "?" else
                _is_in(fields[4], at.isoweekday() % 7 + 1, 1, 7, _WEEK)
            )  # fmt: skip
            if not is_day:
                at = at.replace(hour=0, minute=0) + timedelta(days=1)
                continue
            if _is_in(fields[1], at.hour, 0, 23, []) and _is_in(fields[0], at.minute, 0, 59, []):
                expected.append(at)
            at += timedelta(minutes=1)
        found = job(aws.read(f"cron({' '.join(fields)})")).timing
        assert list(found.upcoming(_BASE - timedelta(minutes=1), len(expected))) == expected, fields


def _fields(random: Random) -> list[str]:
    by_week = random.random() < 0.5
    days = "?" if by_week else random.choice(["*", "1", "5-10", "1,15", "1/10", "28"])
    week = random.choice(["MON", "2-6", "SUN,SAT", "TUE-THU", "1/3"]) if by_week else "?"
    minutes, hours = random.choice(["0", "*/15", "5-7", "0/25", "59"]), random.choice(["*", "0", "9-17", "0/6"])
    return [minutes, hours, days, random.choice(["*", "FEB", "1-6", "*/4", "MAR,DEC"]), week, "*"]


def _is_in(text: str, number: int, first: int, last: int, names: list[str]) -> bool:
    for part in text.split(","):
        span, _, step = part.partition("/")
        begin, dash, end = span.partition("-")
        low = first if begin == "*" else names.index(begin) + first if begin in names else int(begin)
        high = (
            (names.index(end) + first if end in names else int(end)) if dash else last if step or begin == "*" else low
        )
        if low <= number <= high and (number - low) % int(step or 1) == 0:
            return True
    return False
