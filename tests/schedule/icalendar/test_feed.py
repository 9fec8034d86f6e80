"""Another implementation of RFC 5545 reads every feed back unchanged, in lines of at most 75 octets."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from chronos_gitops.schedule.icalendar.content_line import LONGEST, escape, fold, unescape
from chronos_gitops.schedule.icalendar.feed import FeedEvent, write

MADE = datetime(2026, 12, 1, tzinfo=UTC)


def written(*events: FeedEvent) -> bytes:
    return write(events, name="Next runs, all", description="By the runner; all", made=MADE)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a, b; c\\d", "a\\, b\\; c\\\\d"),
        ("two\nlines\r\nthree\rfour", "two\\nlines\\nthree\\nfour"),
        ("bell\x07 and lone \ud800", "bell and lone "),
        ("separators\u2028\u2029\x85", "separators\\n\\n\\n"),
    ],
)
def test_texts_are_escaped(text: str, value: str) -> None:
    assert escape(text) == value


@given(st.text())
def test_an_escaped_text_is_one_line_and_comes_back(text: str) -> None:
    assert len(escape(text).splitlines()) <= 1
    assert escape(unescape(escape(text))) == escape(text)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=400))
def test_lines_are_folded_between_characters(text: str) -> None:
    pieces = list(fold(text))
    assert all(len(piece.removesuffix(b"\r\n")) <= LONGEST and piece.decode() for piece in pieces)
    assert b"".join(pieces).replace(b"\r\n ", b"") == text.encode() + b"\r\n"


def test_another_parser_reads_every_field() -> None:
    about = "Ümläute, 🎄; and \\ more\nsecond line " + "🎄" * 60
    timed = FeedEvent("1@x", datetime(2026, 12, 24, 18, tzinfo=UTC), "gifts", about, "https://c.example/jobs/gifts")
    whole = FeedEvent("2@x", date(2026, 12, 31), "sync (1,440 runs)", "")
    found = Calendar.from_ical(written(timed, whole))
    assert unescape(str(found["NAME"])) == "Next runs, all"
    first, second = found.walk("VEVENT")
    assert (str(first["UID"]), first.decoded("DTSTART"), first.decoded("DTSTAMP")) == ("1@x", timed.start, MADE)
    assert (str(first["SUMMARY"]), str(first["DESCRIPTION"]), str(first["URL"])) == ("gifts", about, timed.url)
    assert (second.decoded("DTSTART"), second.decoded("DTEND")) == (date(2026, 12, 31), date(2027, 1, 1))
    assert not first.errors
    assert not second.errors


def test_every_line_ends_with_cr_lf_within_75_octets() -> None:
    lines = written(FeedEvent("1@x", MADE, "é" * 200, "x" * 999)).split(b"\r\n")
    assert lines[-1] == b""
    assert max(map(len, lines)) <= LONGEST
    assert not any(b"\n" in line or b"\r" in line for line in lines)
