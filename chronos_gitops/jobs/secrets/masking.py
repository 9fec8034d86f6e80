"""Literal credentials: finding them in job files, and masking them wherever a file or request is shown.

The only owner of what counts as a credential and how it is shown; ``delivery.scrub`` takes known values out of text of
unknown origin. Every function takes time linear in the length of its text: patterns are bounded or consume what they
read.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from chronos_gitops.jobs.secrets import token_formats

if TYPE_CHECKING:
    from chronos_gitops.jobs.model import Job

_WORD = (
    r"(?:authorization|token|secret|passw(?:or)?d|passphrase|credentials?|cookie"
    r"|(?:api|access|private|secret|auth|signing)[-_]?key)"
)
_SENSITIVE_NAME = re.compile(_WORD + r"\Z", re.IGNORECASE)
_AMBIGUOUS_PARAMETER = re.compile(r"(?:key|sig|signature|auth|pwd|pass)\Z", re.IGNORECASE)
_PLAIN_WORDS = re.compile(r"(?:[a-z]+|[0-9]{1,4})(?:[-_./][a-z]+|[-_./][0-9]{1,4})*\Z")
"""``daily-backup`` and ``reports/2026``: after a name like ``key``, no credential."""
_PARAMETER = re.compile(r"[?&;]([^=&;#?]{1,80})=([^&;#]*)")
# What every match of _WORD has in it: looking for these first takes a tenth of the time.
_IN_WORDS: Final = ("token", "secret", "passw", "key", "authorization", "passphrase", "credential", "cookie")
_USER_INFO = re.compile(r"(?<=://)([^/\s:@?#]{0,100}:)([^/\s@?#]{1,200})(?=@)")
_NOT_SECRET = re.compile(
    r"(?:(?<![\w.-])[\w.-]{1,60}=)?\$\{secret:[^${}]*\}?|\{\{[^{}]*\}\}|\b(?:bearer|basic|token|digest)[ ]"
    r"""|\b(?:null|true|false|none|yes|no|on|off)\b|["'\s]+""",
    re.IGNORECASE,
)
MASK: Final = "***"
_SHORTEST_WORD: Final = 4
_MOST_WORDS: Final = 64
"""Words of credentials that are looked for anywhere in the file, one pass each."""
_KEY = re.compile(r"(?P<indent>[ ]*)(?:-[ ]+)*[\"']?(?P<name>[\w.-]{1,100})[\"']?[ ]*:(?:[ ]|\Z)")
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
        r"""(?P<value>"[^"\n]*"?|'[^'\n]*'?|(?:\$\{[^}\n]{0,140}\}|\{\{[^}\n]{0,80}\}\}|[^,}&\n])+)""",
        re.IGNORECASE,
    )


@lru_cache(maxsize=1024)
def is_sensitive(name: str) -> bool:
    """True if a header or field of this name usually carries a credential."""
    return bool(_SENSITIVE_NAME.search(name[-40:]))


def _is_credential(name: str, value: str) -> bool:
    """True if a query parameter of this name carries a credential; ``key`` and the like may carry plain words."""
    if is_sensitive(name):
        return True
    return bool(_AMBIGUOUS_PARAMETER.match(name)) and not _PLAIN_WORDS.match(value)


def is_literal(value: str) -> bool:
    """True if anything stands here beside references, template variables and words like Bearer."""
    return bool(_NOT_SECRET.sub("", value))


def literals(text: str) -> tuple[str, ...]:
    """Values in a url or body that look like credentials: query parameters, ``"password": "..."``, known prefixes."""
    may_be_parameters = _PARAMETER.findall(text) if "=" in text else ()
    parameters = [value for name, value in may_be_parameters if _is_credential(name, value)]
    may_be_pairs = _pair().finditer(text) if ":" in text and _may_name_one(text) else ()
    pairs = [match["value"].strip("\"' ") for match in may_be_pairs if ":" in match["before"]]
    known = [match.group() for match in token_formats.find(text)]
    return tuple(dict.fromkeys(part for part in (*parameters, *pairs, *known) if is_literal(part)))


def _may_name_one(text: str) -> bool:
    """False only where _WORD matches nothing; in other alphabets its letters have other forms."""
    return not text.isascii() or any(map(text.lower().__contains__, _IN_WORDS))


def mask_line(line: str) -> str:
    """A line of a file as diagnostics show it: every literal credential as stars; every column stays where it was."""
    return _hide(line, lambda hidden: "*" * len(hidden))


def masked_text(text: str) -> str:
    """A url, a body or a whole file with ``***`` in place of what looks like a credential."""
    return _hide(text, _three_stars)


def masked(document: Mapping[str, Any]) -> dict[str, Any]:
    """A job's document, or a part of one, with ``***`` in place of literal credentials; references stay readable."""
    found = dict(document)
    if isinstance(found.get("webhook"), Mapping):
        found["webhook"] = _masked_webhook(found["webhook"])
    if isinstance(found.get("variables"), Mapping):
        found["variables"] = {name: _masked(value, is_sensitive(name)) for name, value in found["variables"].items()}
    return found


def _masked_webhook(webhook: Mapping[str, Any]) -> dict[str, Any]:
    shown = dict(webhook)
    for field in ("url", "body"):
        if isinstance(shown.get(field), str):
            shown[field] = masked_text(shown[field])
    if isinstance(shown.get("headers"), Mapping):
        shown["headers"] = {name: _masked(value, is_sensitive(name)) for name, value in shown["headers"].items()}
    if isinstance(shown.get("auth"), Mapping):
        shown["auth"] = {name: _masked(value, name in AUTH_FIELDS) for name, value in shown["auth"].items()}
    return shown


def _masked(value: Any, sensitive: bool) -> Any:
    if not isinstance(value, str):
        return value
    return _hide_value(value, _three_stars) if sensitive else masked_text(value)


def _three_stars(_: str) -> str:
    return MASK


def _hide(text: str, stars: Callable[[str], str]) -> str:
    def pair(match: re.Match[str]) -> str:
        return match["before"] + _hide_value(match["value"], stars)

    def parameter(match: re.Match[str]) -> str:
        name, value = match.groups()
        hidden = _hide_value(value, stars) if _is_credential(name, value) else value
        return f"{match.group()[0]}{name}={hidden}"

    if _may_name_one(text):
        text = _pair().sub(pair, _line().sub(pair, text))
    if "://" in text:
        text = _USER_INFO.sub(lambda match: match[1] + _hide_value(match[2], stars), text)
    if "=" in text:
        text = _PARAMETER.sub(parameter, text)
    if token_formats.may_hold_token(text):
        text = token_formats.pattern().sub(lambda match: stars(match.group()), text)
    return text


def _hide_value(value: str, stars: Callable[[str], str]) -> str:
    """The value with its secret parts hidden, and references, template variables, scheme words and quotes kept."""
    shown, end = [], 0
    for kept in _NOT_SECRET.finditer(value):
        shown += [stars(value[end : kept.start()]) if end < kept.start() else "", kept.group()]
        end = kept.end()
    return "".join(shown) + (stars(value[end:]) if end < len(value) else "")


def masked_file(source: str, job: "Job | None") -> str:
    """A job file's source without literal credentials.

    Words of the parsed job's credentials are masked wherever they stand; the rest goes by the names of keys, which also
    serves files that do not parse.
    """
    words = sorted(set(_credential_words(job)), key=len, reverse=True) if job is not None else []
    if len(words) > _MOST_WORDS:
        source = _without_words(source, frozenset(words))
    else:
        for word in words:
            source = source.replace(word, MASK)
    return "".join(_without_blocks(masked_text(source)))


def _without_words(source: str, words: frozenset[str]) -> str:
    """One pass for any number of words; each counts where blanks, quotes or commas are around it."""
    return re.sub(r"""[^\s"',]+""", lambda match: MASK if match.group() in words else match.group(), source)


def _without_blocks(source: str) -> Iterator[str]:
    """Lines that continue a sensitive key (a block, a folded line) stand deeper than the key."""
    depth: int | None = None
    for line in source.splitlines(keepends=True):
        indent = len(line) - len(line.lstrip(" "))
        if depth is not None and (indent > depth or not line.strip()):
            yield f"{line[:indent]}{MASK}\n" if is_literal(line.strip()) else line
            continue
        key = _KEY.match(line.rstrip())
        sensitive = key is not None and (is_sensitive(key["name"]) or key["name"] in AUTH_FIELDS)
        depth = indent if sensitive else None
        yield line


def _credential_words(job: "Job") -> Iterator[str]:
    plain = job.document()
    shown = masked(plain)["webhook"]
    for part in ("headers", "auth"):
        for key, value in (plain["webhook"][part] or {}).items():
            if value != shown[part][key]:
                kept = frozenset(shown[part][key].split())
                yield from (word for word in value.split() if word not in kept and len(word) >= _SHORTEST_WORD)
