"""Templates: ``{{.JobName}}`` in url, headers and body, ``${secret:backup-token}`` in auth too."""

import re
from collections.abc import Callable

VARIABLES = ("JobID", "JobName", "ExecutionID", "ScheduledTime", "Attempt")
SECRET_NAME = r"[a-z0-9]+(?:-[a-z0-9]+)*"

_VARIABLE = re.compile(r"\{\{[^{}]{0,80}\}\}")
_SECRET = re.compile(r"\$\{secret:([^${}]{0,120})\}")
_PLACEHOLDER = re.compile(f"{_VARIABLE.pattern}|{_SECRET.pattern}")
_AUTHORITY_PART = re.compile(r"[^/?#\\]*(?://[^/?#\\]*)?")
_VALID_SECRET_NAME = re.compile(SECRET_NAME + r"\Z", re.ASCII)


def variables(text: str) -> tuple[tuple[int, str], ...]:
    """Every ``{{...}}`` in the text as (offset, what stands inside, stripped: ``.JobName``)."""
    return tuple((match.start(), match.group()[2:-2].strip()) for match in _VARIABLE.finditer(text))


def secrets(text: str) -> tuple[tuple[int, str], ...]:
    """Every ``${secret:NAME}`` in the text as (offset, NAME), valid or not."""
    return tuple((match.start(), match.group(1)) for match in _SECRET.finditer(text))


def is_variable(inside: str) -> bool:
    return inside.startswith(".") and inside[1:] in VARIABLES


def is_secret_name(name: str) -> bool:
    return len(name) <= 100 and bool(_VALID_SECRET_NAME.match(name))


def substitute(text: str, *, variable: Callable[[str], str], secret: Callable[[str], str]) -> str:
    """The text with each known placeholder replaced once; what a replacement brings in is never read again.

    ``variable`` is called with a name out of VARIABLES, ``secret`` with the name of a secret. Unknown variables stay as
    they are (validation has refused them before).
    """

    if is_plain(text):
        return text

    def one(match: re.Match[str]) -> str:
        whole = match.group()
        if whole.startswith("$"):
            return secret(whole[len("${secret:") : -1])
        inside = whole[2:-2].strip()
        return variable(inside[1:]) if is_variable(inside) else whole

    return _PLACEHOLDER.sub(one, text)


def reference_in(url: str) -> str | None:
    """The name of the secret that a URL consists of: an address that is itself the credential."""
    match = _SECRET.fullmatch(url) if url.startswith("${") else None
    return None if match is None else match.group(1)


def authority_part(url: str) -> str:
    """Scheme, host and port as they are written, placeholders included."""
    masked = _PLACEHOLDER.sub(lambda match: "x" * len(match.group()), url)
    return url[: _AUTHORITY_PART.match(masked).end()]  # type: ignore[union-attr]  # it matches nothing at least


def has_secret_in_host(url: str) -> bool:
    """A URL is one reference and nothing else, or has none in scheme, host and port: those say where secrets go."""
    return reference_in(url) is None and _SECRET.search(authority_part(url)) is not None


def is_plain(text: str) -> bool:
    """True if no placeholder is in it."""
    return not ("{{" in text or "${" in text) or _PLACEHOLDER.search(text) is None
