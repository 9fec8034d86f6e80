"""No content of a calendar file crashes, hangs or is taken for something else: it has findings, or it is a calendar."""

from datetime import UTC, datetime

import pytest

from chronos_gitops.jobs.validation.calendar_files import MOST_BYTES, parse_calendar
from chronos_gitops.schedule.calendars.state import state_at
from chronos_gitops.schedule.timing import Timing

AT = datetime(2026, 11, 29, tzinfo=UTC)
REFUSED = {
    "nul": b"closed: ['\x00']\n",
    "deep": b"closed: " + b"[" * 500 + b"]" * 500,
    "alias": b"closed: &a [*a]\n",
    "merge key": b"<<: {closed: [SAT]}\n",
    "long number": b"closed: [" + b"9" * 5000 + b"]\n",
    "no finite numbers": b"closed: [.inf, .nan, 1e999]\n",
    "key that is null": b"~: 1\nclosed: [SAT]\n",
    "key that is a list": b"? [a]\n: 1\nclosed: [SAT]\n",
    "tag": b"closed: !!python/object/apply:os.system ['x']\n",
    "two documents": b"closed: [SAT]\n---\nclosed: [SUN]\n",
    "years": b"closed: [0001-01-01, 9999-12-31, 10000-01-01]\n",
    "days that are none": b"closed: [02-30, 13-01, 00-00]\n",
    "path as a zone": b"timezone: ../../etc/passwd\nclosed: [SAT]\n",
    "number as a zone": b"timezone: 12\nclosed: [SAT]\n",
    "text that runs backwards": "closed: [{date: 12-25, reason: \u202eevil}]\n".encode(),
    "half a character": b'closed: ["\\ud800"]\n',
    "selection of lists": b"applies_to: {folder: [a], tags: []}\nclosed: [SAT]\ntimezone: UTC\n",
    "exceptions of maps": b"applies_to: all\nexcept: {jobs: [1, {}]}\nclosed: [SAT]\ntimezone: UTC\n",
    "entries of maps": b"closed: [{date: {date: 12-25}}, {from: [], to: {}}, {reason: x}, {}]\n",
    "too many entries": b"closed:\n" + b"  - SAT\n" * 1001,
    "nothing": b"",
    "bytes": bytes(range(256)),
    "utf-16": "closed: [SAT]".encode("utf-16"),
}
OVERLAPS = "".join(
    f"  - {{from: {2020 + n // 200}-01-{1 + n % 28:02}T{n % 24:02}:00, to: 2030-01-01}}\n" for n in range(1000)
)
TAKEN = {
    "far horizon": b"covers_until: 9000-12-31\nclosed: [9000-12-31]\n",
    "past horizon": b"covers_until: 1970-01-01\nclosed: [2027-01-01]\n",
    "day that a zone left out": b"timezone: Pacific/Apia\nclosed: [{from: 2011-12-30, to: 2011-12-30}]\n",
    "a thousand ranges over each other": f"closed:\n{OVERLAPS}".encode(),
    "windows": b"\xef\xbb\xbfclosed:\r\n  - SAT\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_place(name: str) -> None:
    found = parse_calendar("c", "jobs/_calendars/c.yaml", "b", REFUSED[name])
    assert found.calendar is None
    assert found.problems
    assert all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in found.problems)


@pytest.mark.parametrize("name", TAKEN)
def test_every_question_has_an_answer(name: str) -> None:
    assert len(TAKEN[name]) <= MOST_BYTES
    calendar = parse_calendar("c", "jobs/_calendars/c.yaml", "b", TAKEN[name]).calendar
    assert calendar is not None
    state_at(calendar, AT)
    for on_skip in ("drop", "next", "previous"):
        timing = Timing.parse("0 9 * * *", "UTC", skip=["c"], on_skip=on_skip).with_calendars([calendar], [])
        assert timing.next_after(AT) is not None
