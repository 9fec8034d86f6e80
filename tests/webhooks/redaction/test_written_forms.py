"""The 25 written forms of a secret value (TEAMS section 1), in four kinds of surroundings, and cut at each byte."""

import base64
import html
import json
import logging
import quopri
import textwrap
from collections.abc import Callable
from urllib.parse import quote, quote_plus, unquote_plus

import pytest
from harness.machine.growth import assert_linear, seconds

from chronos_gitops.webhooks.redaction.redaction import EXAMINED, excerpt, scrub

SECRET = "pä s/w+0rd=<k&y>\"'9"
PLAIN = SECRET.encode()
LABEL = "${secret:k}"


def _json_unicode(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


def _wrapped(text: str) -> str:
    return "\r\n".join(textwrap.wrap(text, 8))


FORMS: dict[str, bytes] = {
    "as it is": PLAIN,
    "upper case": PLAIN.upper(),
    "JSON": json.dumps(SECRET)[1:-1].encode(),
    "JSON, every character": _json_unicode(SECRET).encode(),
    "JSON, upper-case digits": _json_unicode(SECRET).upper().replace("\\U", "\\u").encode(),
    "JSON, escaped slash": json.dumps(SECRET)[1:-1].replace("/", "\\/").encode(),
    "JSON in JSON": json.dumps(json.dumps(SECRET))[3:-3].encode(),
    "Go and .NET JSON": SECRET.replace('"', '\\"').translate({ord(c): f"\\u{ord(c):04X}" for c in "<>&'+"}).encode(),
    "hex escapes": "".join(f"\\x{byte:02x}" for byte in PLAIN).encode(),
    "percent-encoded": quote(SECRET, safe="").encode(),
    "percent-encoded, lower case": quote(SECRET, safe="").lower().encode(),
    "encodeURIComponent": quote(SECRET, safe="!~*'()").encode(),
    "percent-encoded twice": quote(quote(SECRET, safe=""), safe="").encode(),
    "form": quote_plus(SECRET).encode(),
    "HTML entities, named": html.escape(SECRET).encode(),
    "HTML entities, decimal": "".join(f"&#{ord(letter)};" for letter in SECRET).encode(),
    "HTML entities, hex": "".join(f"&#x{ord(letter):X};" for letter in SECRET).encode(),
    "quoted-printable": quopri.encodestring(PLAIN, quotetabs=True),
    "UTF-16": SECRET.replace("ä", "a").encode("utf-16-le"),
    "base64": base64.b64encode(PLAIN),
    "base64, URL alphabet": base64.urlsafe_b64encode(PLAIN).rstrip(b"="),
    "base64 inside longer base64": base64.b64encode(b"user:" + PLAIN + b" and more"),
    "base64, wrapped": _wrapped(base64.b64encode(PLAIN).decode()).encode(),
    "base64 of UTF-16LE": base64.b64encode(SECRET.encode("utf-16-le")),
    "base64 of base64": base64.b64encode(base64.b64encode(PLAIN)),
    "hex": PLAIN.hex().encode(),
    "hex with colons": PLAIN.hex(":").upper().encode(),
    "hex with hyphens": PLAIN.hex("-").encode(),
    "hex with blanks": PLAIN.hex(" ").encode(),
}
VALUES = {SECRET: LABEL, SECRET.replace("ä", "a"): LABEL}
AROUND: dict[str, Callable[[bytes], bytes]] = {
    "text": lambda form: b"got: " + form + b" thanks",
    "JSON": lambda form: b'{"ok": false, "token": "' + form + b'", "n": 1}',
    "HTML": lambda form: b"<p>&lt;token&gt; " + form + b"</p>",
    "header": lambda form: b"X-Echo: " + form + b"\r\nDate: x",
}


def test_there_are_25_forms() -> None:
    assert len(FORMS) >= 25


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("form", FORMS)
def test_a_written_form_is_removed(form: str, around: str) -> None:
    body = AROUND[around](FORMS[form])
    kept = excerpt(body, VALUES)
    before, after = AROUND[around](b"\x00").split(b"\x00")
    assert kept.startswith(before.decode() + (LABEL if "inside" not in form else ""))
    assert LABEL in kept
    # base64 may leave the two characters that its neighbours decide, and its padding
    assert kept.replace("\n", "\r\n").endswith(after.decode()) or kept.endswith(after.decode().replace("\r\n", "\n"))
    assert len(kept) <= len(before) + len(LABEL) + len(after) + (24 if "inside" in form else 6)


@pytest.mark.parametrize("form", FORMS)
def test_a_cut_leaves_no_beginning(form: str) -> None:
    """At each byte of the form: what our own limit, or the target, has cut off."""
    written = FORMS[form]
    for length in range(8, len(written)):
        kept = excerpt(b"got: " + written[:length], VALUES)
        clean = excerpt(b"got: ", VALUES)
        left = kept.removeprefix(clean)
        # Less than 4 bytes of a needle may stay, in whichever form these are written.
        assert LABEL in left or length <= 5 * len(written) / len(SECRET) + 8, (length, kept)
        assert "w+0rd" not in kept


def readings(text: str) -> set[str]:
    """The text and what decoders of the standard library make of it, up to three times."""
    found, fresh = {text}, {text}
    for _ in range(3):
        fresh = {decode(one) for one in fresh for decode in _DECODERS} - found
        found |= fresh
    return found


def _unescaped(text: str) -> str:
    try:
        return text.encode("latin-1", "replace").decode("unicode_escape")
    except UnicodeDecodeError:
        return text


_DECODERS: tuple[Callable[[str], str], ...] = (
    unquote_plus,
    html.unescape,
    _unescaped,
    lambda text: quopri.decodestring(text.encode()).decode("utf-8", "replace"),
    lambda text: text.encode("latin-1", "replace").decode("utf-8", "replace"),
    lambda text: text.replace("\0", ""),
)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("form", [form for form in FORMS if "base64" not in form and not form.startswith("hex with")])
def test_no_decoder_finds_four_characters_before_a_cut(form: str, around: str) -> None:
    """At each byte of the form, from its first one on."""
    written = FORMS[form]
    before = AROUND[around](b"\0").partition(b"\0")[0]
    for length in range(1, len(written)):
        kept = excerpt(before + written[:length], VALUES).removeprefix(before.decode())
        for reading in readings(kept):
            assert reading.casefold()[:4] not in ("pä s", "pa s"), (length, kept)


@pytest.mark.parametrize("secret", ["abc74", "hunter2"])
def test_a_cut_leaves_no_beginning_of_a_short_secret(secret: str) -> None:
    for length in range(4, len(secret)):
        kept = excerpt(b"got: " + secret[:length].encode(), {secret: LABEL})
        assert kept == f"got: {LABEL}"


def test_the_limit_cuts_no_secret_in_two() -> None:
    for length in range(4, len(PLAIN)):
        body = b"." * (EXAMINED - length) + PLAIN + b"." * 100
        assert "pä s" not in scrub(excerpt(body, VALUES)[-200:], {})


def test_a_short_secret_is_found_as_it_is_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    label = "${secret:short-one}"
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert scrub("a abc7 b", {"abc7": label}) == f"a {label} b"
            assert scrub(base64.b64encode(b"abc7").decode(), {"abc7": label}) == base64.b64encode(b"abc7").decode()
    told = [record for record in caplog.records if record.message == "short_secret"]
    assert len(told) == 1
    assert "abc7" not in str(vars(told[0]))


@pytest.mark.parametrize(
    "fragment", [b"%41", b"\\u0041", b"&amp;", b"&#65;", b"=41", b"\\\\", b"+", b" \n", b"%25", b"pa", b"="]
)
def test_scrubbing_takes_time_linear_in_the_text(fragment: bytes) -> None:
    def clean(body: str) -> None:
        scrub(body, VALUES)

    assert assert_linear(clean, lambda size: fragment.decode() * (size // len(fragment)), 16 * 1024) < 1
    assert seconds(lambda: excerpt(fragment * 1_000_000, VALUES)) < 0.3


def test_ordinary_text_stays() -> None:
    text = '{"items": [1, 2, 3], "next": "https://a.example.com/?page=2&x=%41", "html": "&lt;p&gt;"} \\u0041 =\n + é'
    assert scrub(text, VALUES) == text
