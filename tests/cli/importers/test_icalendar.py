"""``import ics``: what becomes a calendar, what is left out and why, and files that mean harm."""

import datetime
import time
from pathlib import Path

import pytest
from icalendar import Calendar, Event

from chronos_gitops.cli.importers import icalendar
from chronos_gitops.cli.importers.model import NotReadable
from chronos_gitops.cli.main import main


def ics(*events: str) -> bytes:
    body = "".join(f"BEGIN:VEVENT\r\nUID:x\r\n{event}\r\nEND:VEVENT\r\n" for event in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{body}END:VCALENDAR\r\n".replace("|", "\r\n").encode()


def entries(*events: str, timezone: str | None = None) -> list[str]:
    made = icalendar.read(ics(*events), name="fr", timezone=timezone)
    assert not made.refusals
    return made.text.splitlines()


DAY = "DTSTART;VALUE=DATE:20261225|"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (DAY + "SUMMARY:Christmas", '  - {date: 2026-12-25, reason: "Christmas"}'),
        (DAY + "DTEND;VALUE=DATE:20261226", "  - {date: 2026-12-25}"),
        (DAY + "DTEND;VALUE=DATE:20261228", "  - {from: 2026-12-25, to: 2026-12-27}"),
        (DAY + "DURATION:P1W", "  - {from: 2026-12-25, to: 2026-12-31}"),
        (DAY + "RRULE:FREQ=YEARLY", "  - {date: 12-25}"),
        (DAY + "RRULE:FREQ=YEARLY;INTERVAL=1;BYMONTH=12;BYMONTHDAY=25;WKST=MO", "  - {date: 12-25}"),
        (
            DAY + 'SUMMARY:a\\, "b"\\; c\\nd\te \x07|BEGIN:VALARM|SUMMARY:no|END:VALARM',
            '  - {date: 2026-12-25, reason: "a, \\"b\\"; c d e"}',
        ),
        (DAY + "SUMMARY:fol| ded", '  - {date: 2026-12-25, reason: "folded"}'),
    ],
)
def test_days_are_closed(event: str, line: str) -> None:
    assert entries(event) == ["closed:", line]


def test_times_are_ranges_of_one_zone() -> None:
    paris = "DTSTART;TZID=Europe/Paris:20261224T180000|DTEND;TZID=Europe/Paris:20261225T060000"
    floating = "DTSTART:20261231T120000|DURATION:PT6H30M"
    assert entries(paris, floating) == [
        "timezone: Europe/Paris",
        "closed:",
        "  - {from: 2026-12-24T18:00:00, to: 2026-12-25T06:00:00}",
        "  - {from: 2026-12-31T12:00:00, to: 2026-12-31T18:30:00}",
    ]
    assert entries(floating, timezone="Asia/Tokyo")[0] == "timezone: Asia/Tokyo"


def test_the_order_of_the_file_means_nothing_and_doubles_are_one() -> None:
    days = [f"DTSTART;VALUE=DATE:2026{day}|SUMMARY:s{day}" for day in ("1225", "0101", "0714", "0101")]
    assert entries(*days) == entries(*sorted(days))
    assert len(entries(*days)) == 4


@pytest.mark.parametrize(
    ("event", "line", "reason"),
    [
        (DAY + "RRULE:FREQ=YEARLY;COUNT=3", 6, "only a plain FREQ=YEARLY"),
        (DAY + "RRULE:FREQ=SECONDLY;COUNT=999999999", 6, "only a plain FREQ=YEARLY"),
        (DAY + "RRULE:FREQ=YEARLY;BYDAY=1MO", 6, "only a plain FREQ=YEARLY"),
        (DAY + "RRULE:FREQ=YEARLY|RRULE:FREQ=DAILY", 6, "only a plain FREQ=YEARLY"),
        (DAY + "RDATE;VALUE=DATE:20270101", 6, "RDATE"),
        (DAY + "EXDATE;VALUE=DATE:20270101", 6, "EXDATE"),
        (DAY + "DTEND;VALUE=DATE:20261201", 5, "ends before it starts"),
        ("DTSTART;VALUE=DATE:20261345", 5, "is no date"),
        ("DTSTART;VALUE=DATE:99991231|DURATION:P99999W", 6, "year 9999"),
        ("DTSTART;VALUE=DATE:19451225", 5, "the years 1970 to 9000"),
        ("DTSTART:00010101T000000Z|DTEND:99991231T000000Z", 5, "the years 1970 to 9000"),
        ("SUMMARY:no start", 3, "no DTSTART"),
        ("DTSTART:20261224T180000|DTEND:20261224T190000", 5, "--timezone"),
        ("DTSTART:20261224T180000Z", 5, "no end"),
        ("DTSTART:20261224T180000Z|DTEND:20261224T180000Z", 5, "does not end after"),
        ("DTSTART;TZID=Mars/Olympus:20261224T180000|DURATION:PT1H", 5, "unknown timezone"),
        ("DTSTART:20261224T180000Z|DURATION:PT1H|RRULE:FREQ=YEARLY", 7, "rule for times"),
        ("DTSTART:20261224T180000Z|DURATION:P", 6, "is no duration"),
    ],
)
def test_the_rest_is_listed_with_line_and_reason(event: str, line: int, reason: str) -> None:
    made = icalendar.read(ics(event), name="fr", timezone=None)
    [refusal] = made.refusals
    assert (refusal.place, made.entries) == (f"line {line}", 0)
    assert reason in refusal.reason


def test_a_second_zone_is_listed() -> None:
    paris = "DTSTART;TZID=Europe/Paris:20261224T180000|DURATION:PT1H"
    made = icalendar.read(ics(paris, "DTSTART:20261224T180000Z|DURATION:PT1H"), name="fr", timezone=None)
    assert [one.reason for one in made.refusals] == [
        "its time zone is UTC; a calendar has one, and this one has Europe/Paris"
    ]


def test_cancelled_ones_are_left_out() -> None:
    made = icalendar.read(ics(DAY + "STATUS:CANCELLED"), name="fr", timezone=None)
    assert (made.entries, made.refusals, made.notes) == (0, (), ("1 cancelled left out",))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"\x00" * 1000,
        b"no colon",
        b"BEGIN:VCALENDAR\nBEGIN:VEVENT\n",
        b"BEGIN:VCALENDAR\nEND:VEVENT\n",
        b"END:VCALENDAR\n",
        b"SUMMARY:x\n",
        b'BEGIN:VCALENDAR\nX;A="b:c\n',
        b"BEGIN:X\n" * 100_000,
        ics(*(f"DTSTART;VALUE=DATE:{2000 + n // 300}{1 + n % 12:02}{1 + n % 25:02}" for n in range(9000))),
        ics(*(f"DTSTART;VALUE=DATE:{2000 + n}0101|SUMMARY:{'é' * 400}" for n in range(900))),
    ],
)
def test_files_that_are_none_are_refused_with_a_reason(content: bytes, tmp_path: Path) -> None:
    if content:
        with pytest.raises(NotReadable):
            icalendar.read(content, name="fr", timezone=None)
    file = tmp_path / "x.ics"
    file.write_bytes(content)
    assert main(["import", "ics", str(file), "--name", "fr"]) in (1, 2)


@pytest.mark.parametrize("unit", [b'"', b'X;"', b";", b"A:b\n ", b"BEGIN:VEVENT\n", b"END:X\n", b"\\n", b"\r"])
def test_time_grows_with_the_size_of_the_file(unit: bytes) -> None:
    content = b"BEGIN:VCALENDAR\nSUMMARY:" + unit * (2_000_000 // len(unit))
    started = time.process_time()
    with pytest.raises(NotReadable):
        icalendar.read(content, name="fr", timezone=None)
    assert time.process_time() - started < 10  # 0.5 s; a square of the size would take hours


def test_what_another_library_writes_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calendar, event = Calendar(), Event()
    event.add("summary", "Ascension; a long weekend, with a name that is folded because it is very long indeed")
    event.add("dtstart", datetime.date(2027, 5, 6))
    event.add("dtend", datetime.date(2027, 5, 8))
    calendar.add_component(event)
    file = tmp_path / "x.ics"
    file.write_bytes(calendar.to_ical())
    words = ["import", "ics", str(file), "--name", "fr-holidays", "--output", str(tmp_path / "jobs")]
    assert main(words) == 0
    written = (tmp_path / "jobs" / "_calendars" / "fr-holidays.yaml").read_text()
    assert '{from: 2027-05-06, to: 2027-05-07, reason: "Ascension; a long weekend, with' in written
    assert main(["validate", str(tmp_path / "jobs" / "_calendars" / "fr-holidays.yaml")]) in (0, 1, 3)
    capsys.readouterr()
    assert main(words) == 1
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--name", "Fr"], ["--name", "../x"], ["--name", "x", "--timezone", "Mars/X"]])
def test_names_and_zones_are_checked(words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "x.ics"
    file.write_bytes(ics(DAY))
    assert main(["import", "ics", str(file), *words]) == 2
