"""Calendar events of systemd, beside systemd-analyze calendar: the same instants, or a refusal."""

import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

import pytest
from harness.programs.tools import tool

from chronos_gitops.cli.importers.model import Unconvertible
from chronos_gitops.cli.importers.timings import calendar_events
from chronos_gitops.jobs.model import Job
from chronos_gitops.schedule.errors import ScheduleError

_BASE = datetime(2026, 11, 30, tzinfo=UTC)
_FOUND = re.compile(r"(?:Next elapse|Iter[.a-z]* #\d+): \w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (\w+)")
_IN_UTC = re.compile(r"\(in UTC\): \w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")
_COUNT = 8

WRITTEN = [
    "minutely",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "yearly",
    "annually",
    "quarterly",
    "semiannually",
    "Mon..Fri 09:00",
    "Mon-Fri 09:00",
    "Sat,Sun 20:00",
    "Wed, 17:48",
    "*:0/15",
    "*:0/10:30",
    "0/3:15",
    "0..11/4:00",
    "*-*-1,15 04:30",
    "*-*~01 23:00",
    "*-02~1 00:00",
    "Mon *-*-1..7 06:00",
    "Fri *-*-15..21 12:00",
    "Sun *-*-29..31 02:00",
    "Mon,Tue *-*-08..14 10:20:30",
    "*-12-24..26",
    "2027-*-1",
    "2027..2029-01-01 05:00",
    "12-25 08:00",
    "*-*-* 02:30 UTC",
    "Mon *-*-* 07:00 Europe/Paris",
    "2026-12-24 18:00",
    "*-01/3-01 00:00",
    "Thu..Sun 1:2:3",
    "*-*-*",
    "monday 05:05",
    "27-01-01 00:00",
]

REFUSED = {
    "Mon *-*-01 06:00": "its days have to match both day fields, and in a schedule either one is enough",
    "*-*~03": "it counts days from the end of the month; a schedule knows the last day, L",
    "*:*:00.5": "it has fractions of a second",
    "2027,2029-01-01": "its years have gaps",
    "": "",
    "tomorrow": "",
    "*-*-* 25:00": '"25" is not from 0 to 23',
    "*:0/0": "it has a step of 0",
    "Fri..Mon 10:00": 'its range "Fri..Mon" goes around',
    "@0": "",
    "*-*-*/10": '"*/10" is not a field of a calendar event',
    "a" * 400: "",
    "Mon" * 150: "",
}


def instants(document: dict[str, object]) -> list[datetime]:
    job = Job.from_document({"name": "a", "webhook": {"url": "http://example.com/"}} | document)
    return list(job.timing.upcoming(_BASE, _COUNT))


def of_systemd(text: str) -> list[datetime]:
    words = [tool("systemd-analyze"), "calendar", f"--iterations={_COUNT}", "--base-time=2026-11-30 00:00:00 UTC", text]
    environment = {"TZ": "UTC", "LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return list(_instants(lines))


def _instants(lines: list[str]) -> Iterator[datetime]:
    """Where the event names a zone, a line in UTC follows each."""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        found = _FOUND.search(line)
        if found:
            shown = found[1] if found[2] == "UTC" else _in_utc(following)
            yield datetime.strptime(shown, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def _in_utc(line: str) -> str:
    match = _IN_UTC.search(line)
    assert match is not None, line
    return match[1]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_calendar_event_means_what_systemd_says(text: str) -> None:
    assert instants(calendar_events.read(text)) == of_systemd(text)


@pytest.mark.parametrize("text", REFUSED)
def test_an_event_that_no_schedule_says_is_refused(text: str) -> None:
    with pytest.raises(Unconvertible) as refused:
        calendar_events.read(text)
    assert REFUSED[text] in str(refused.value)


def test_events_of_random_parts_mean_what_systemd_says_or_are_refused() -> None:
    random, compared, refused = Random(22), 0, 0
    for _ in range(150):
        text = _event(random)
        try:
            document = calendar_events.read(text)
        except Unconvertible:
            refused += 1
            continue
        try:
            found = instants(document)
        except ScheduleError:  # 31 February
            found = []
        assert found == of_systemd(text), (text, document)
        compared += 1
    assert compared > 70
    assert refused > 5


def _event(random: Random) -> str:
    weekdays = random.choice(["", "", "Mon ", "Mon..Thu ", "Tue,Sat ", "Sun "])
    days = random.choice(["*", "1", "1..7", "8..14", "2,9", "5/7", "1/10", "31"])
    months = random.choice(["*", "2", "1..6", "1/4", "12"])
    years = random.choice(["*", "*", "2027", "2027..2028"])
    mark = random.choice(["-", "-", "-", "-", "~"])
    hours = random.choice(["*", "0", "9..17", "0/6", "23"])
    minutes = random.choice(["*", "0", "5,50", "0/20", "59"])
    seconds = random.choice(["", "", ":00", ":30", ":0/15"])
    return f"{weekdays}{years}-{months}{mark}{days} {hours}:{minutes}{seconds}"
