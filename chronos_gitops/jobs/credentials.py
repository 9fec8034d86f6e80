"""Literals that look like credentials: finding them, and hiding them wherever a file is shown."""

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any, Final

_WORD = (
    r"(?:authorization|token|secret|passw(?:or)?d|passphrase|credentials?|cookie"
    r"|(?:api|access|private|secret|auth|signing)[-_]?key)"
)
_SENSITIVE_NAME = re.compile(_WORD + r"\Z", re.IGNORECASE)
_SENSITIVE_PARAMETER = re.compile(rf"{_WORD}\Z|\A(?:key|sig|signature|auth|pwd|pass)\Z", re.IGNORECASE)
_PARAMETER = re.compile(r"[?&;]([^=&;#?]{1,80})=([^&;#]*)")
# What every match of _WORD, and of _known, has in it: looking for these first takes a tenth of the time.
_IN_WORDS: Final = ("token", "secret", "passw", "key", "authorization", "passphrase", "credential", "cookie")
_IN_KNOWN: Final = (
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "k_live_", "sk-"),
    *("whsec_", "AKIA", "AIza", "eyJ", "PRIVATE KEY-----", "hooks.slack.com/services/"),
)
_USER_INFO = re.compile(r"(?<=://)([^/\s:@?#]{0,100}:)([^/\s@?#]{1,200})(?=@)")
_NOT_SECRET = re.compile(
    r"(?:[\w.-]{1,60}=)?\$\{secret:[^${}]*\}?|\{\{[^{}]*\}\}|\b(?:bearer|basic|token|digest)[ ]"
    r"""|\b(?:null|true|false|none)\b|["'\s]+""",
    re.IGNORECASE,
)
AUTH_FIELDS = frozenset({"token", "password", "api_key", "client_secret", "secret"})
"""The fields of ``webhook.auth`` that hold a credential."""


@cache
def _line() -> re.Pattern[str]:
    """A line of block YAML or of laid out JSON: all of it is the value. In a flow map, a comma ends it."""
    return re.compile(
        rf"""^(?P<before>[ \t-]*["']?[\w.-]{{0,60}}?{_WORD}["']?[ ]?:[ ]+)(?P<value>.+?)(?=,?\r?$|[ \t]#)""",
        re.IGNORECASE | re.MULTILINE,
    )


@cache
def _pair() -> re.Pattern[str]:
    return re.compile(
        rf"""(?<!\$\{{)(?P<before>{_WORD}["']?[ ]?[:=][ ]*)"""
        r"""(?P<value>"[^"\n]*"?|'[^'\n]*'?|(?:\$\{[^}\n]*\}|\{\{[^}\n]*\}\}|[^,}&\n])+)""",
        re.IGNORECASE,
    )


@cache
def _known() -> re.Pattern[str]:
    """Formats whose prefix alone says what they are."""
    return re.compile(
        r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,}|[sr]k_live_\w{10,}"
        r"|sk-[\w-]{20,}|whsec_[\w+/=-]{16,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}|eyJ[\w-]{10,200}\.[\w-]{10,}(?:\.[\w-]*)?"
        r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----|(?<=hooks\.slack\.com/services/)[\w/]{20,}"
    )


@lru_cache(maxsize=1024)
def is_sensitive(name: str) -> bool:
    """Whether a header or field of this name usually carries a credential."""
    return bool(_SENSITIVE_NAME.search(name[-40:]))


def is_literal(value: str) -> bool:
    """Whether anything stands here beside references, template variables and words like Bearer."""
    return bool(_NOT_SECRET.sub("", value))


def literals(text: str) -> tuple[str, ...]:
    """What looks like a credential in a url or body: query parameters, ``"password": "..."``, known prefixes."""
    may_be_parameters = _PARAMETER.findall(text) if "=" in text else ()
    parameters = [value for name, value in may_be_parameters if _SENSITIVE_PARAMETER.search(name)]
    may_be_pairs = _pair().finditer(text) if ":" in text and _may_name_one(text) else ()
    pairs = [match["value"].strip("\"' ") for match in may_be_pairs if ":" in match["before"]]
    known = [match.group() for match in _known().finditer(text)] if _may_hold_one(text) else ()
    return tuple(dict.fromkeys(part for part in (*parameters, *pairs, *known) if is_literal(part)))


def _may_name_one(text: str) -> bool:
    """False only where _WORD matches nothing; in other alphabets its letters have other forms."""
    lower = text.lower()
    return not text.isascii() or any(word in lower for word in _IN_WORDS)


def _may_hold_one(text: str) -> bool:
    """False only where _known matches nothing."""
    return any(part in text for part in _IN_KNOWN)


def veil(line: str) -> str:
    """A line of a file as diagnostics show it: every literal credential as stars, every column where it was."""
    return _hide(line, lambda hidden: "*" * len(hidden))


def masked_text(text: str) -> str:
    """A url, a body or a whole file with ``***`` in place of what looks like a credential."""
    return _hide(text, _three_stars)


def masked(document: Mapping[str, Any]) -> dict[str, Any]:
    """A job's document with ``***`` in place of literal credentials; references stay readable."""
    webhook = document.get("webhook")
    if not isinstance(webhook, Mapping):
        return dict(document)
    shown = dict(webhook)
    for field in ("url", "body"):
        if isinstance(shown.get(field), str):
            shown[field] = masked_text(shown[field])
    if isinstance(shown.get("headers"), Mapping):
        shown["headers"] = {name: _masked(value, is_sensitive(name)) for name, value in shown["headers"].items()}
    if isinstance(shown.get("auth"), Mapping):
        shown["auth"] = {name: _masked(value, name in AUTH_FIELDS) for name, value in shown["auth"].items()}
    return {**document, "webhook": shown}


def _masked(value: Any, sensitive: bool) -> Any:
    if not isinstance(value, str):
        return value
    return _hide_value(value, _three_stars) if sensitive else masked_text(value)


def _three_stars(_: str) -> str:
    return "***"


def _hide(text: str, stars: Callable[[str], str]) -> str:
    def pair(match: re.Match[str]) -> str:
        return match["before"] + _hide_value(match["value"], stars)

    def parameter(match: re.Match[str]) -> str:
        name, value = match.groups()
        hidden = _hide_value(value, stars) if _SENSITIVE_PARAMETER.search(name) else value
        return f"{match.group()[0]}{name}={hidden}"

    if _may_name_one(text):
        text = _pair().sub(pair, _line().sub(pair, text))
    if "://" in text:
        text = _USER_INFO.sub(lambda match: match[1] + _hide_value(match[2], stars), text)
    if "=" in text:
        text = _PARAMETER.sub(parameter, text)
    return _known().sub(lambda match: stars(match.group()), text) if _may_hold_one(text) else text


def _hide_value(value: str, stars: Callable[[str], str]) -> str:
    """The value with its secret parts hidden, and references, template variables, scheme words and quotes kept."""
    shown, end = [], 0
    for kept in _NOT_SECRET.finditer(value):
        shown += [stars(value[end : kept.start()]) if end < kept.start() else "", kept.group()]
        end = kept.end()
    return "".join(shown) + (stars(value[end:]) if end < len(value) else "")
