import base64
import html
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chronos_gitops.webhooks.redaction.redaction import EXCERPT, excerpt, printable_lines, scrub

SECRET = 'p@ss/wörd"+&<\\ 1'
LABEL = "${secret:k}"
PLAIN = st.characters(categories=["L", "N", "P"])


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").replace("%C3%B6", "%c3%b6").lower(),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(SECRET)[1:-1].replace("/", "\\/"),
        html.escape(SECRET),
    ],
)
def test_every_written_form_is_replaced(written: str) -> None:
    shown = scrub(f"before {written} after", {SECRET: LABEL})
    assert shown.startswith(f"before {LABEL}")
    assert shown.endswith(" after")
    assert len(shown) <= len(f"before {LABEL}") + 2 + len(" after")  # base64 may leave the last character


@settings(deadline=None)
@given(before=st.binary(max_size=20), secret=st.text(PLAIN, min_size=8, max_size=40), after=st.binary(max_size=20))
@example(before=b"user:", secret="password1", after=b"")
def test_secret_inside_a_longer_base64_is_found(before: bytes, secret: str, after: bytes) -> None:
    """Basic authentication is ``base64(user:password)``: at most the bits at both ends stay."""
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    shown = scrub(encoded, {secret: LABEL})
    assert LABEL in shown
    core = base64.b64encode(secret.encode()).decode()
    assert len(shown) - len(LABEL) <= len(encoded) - (len(core) - 6)


@settings(deadline=None)
@given(st.text(max_size=200), st.text(min_size=1, max_size=20))
def test_value_never_stays(text: str, secret: str) -> None:
    label = "\x00"
    shown = scrub(text + secret + text, {secret: label})
    assert label in shown
    assert secret not in shown.split(label) or secret == ""


def test_longest_secret_wins() -> None:
    assert scrub("token-1234 token", {"token": "A", "token-1234": "B"}) == "B A"


def test_multi_line_secret_is_found_with_other_line_breaks() -> None:
    assert scrub("-----\r\nkey\r\n-----", {"-----\nkey\n-----": LABEL}) == LABEL


def test_nothing_to_hide_changes_nothing() -> None:
    assert scrub("text", {}) == "text"
    assert scrub("text", {"": LABEL}) == "text"


def test_printable_keeps_what_people_write() -> None:
    text = "Ünïcødé 日本語 \t tab\nline €\u00a0\U0001f600"
    assert printable_lines(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("a\r\nb\rc", "a\nb\\x0dc"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("\u202e\u2066\u200f", "\\u202e\\u2066\\u200f"),
        ("\u2028\u2029\ufeff", "\\u2028\\u2029\\ufeff"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_printable_escapes_what_moves_or_hides(text: str, shown: str) -> None:
    assert printable_lines(text) == shown


@settings(deadline=None)
@given(st.text(max_size=100))
def test_printable_leaves_no_control(text: str) -> None:
    assert all(
        character in "\n\t" or character.isprintable() or character.isspace() for character in printable_lines(text)
    )
    assert not any(ord(character) < 0x20 and character not in "\n\t" for character in printable_lines(text))


@settings(deadline=None)
@given(st.binary(max_size=3000), st.integers(0, 5000), st.text("abcdef0123456789", min_size=16, max_size=64))
def test_excerpt_is_bounded_and_never_holds_the_beginning_of_a_secret(noise: bytes, gap: int, secret: str) -> None:
    kept = excerpt(b"." * gap + secret.encode() + b"." * 100 + noise, {secret: LABEL})
    assert len(kept.encode()) <= EXCERPT
    assert secret[:8] not in kept.split(".")[-1] or gap > EXCERPT
    assert f".{secret[:4]}" not in kept


def test_large_response_with_many_secrets_is_quick() -> None:
    values = {f"secret-{number}-{'x' * 40}": f"${{secret:{number}}}" for number in range(20)}
    body = ("secret-" * 9000).encode()
    started = time.thread_time()
    excerpt(body, values)
    assert time.thread_time() - started < 0.5
