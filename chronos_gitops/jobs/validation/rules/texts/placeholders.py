"""Template variables and references to secrets in url, headers, body and auth."""

import re
from collections.abc import Iterator

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.secrets.references import texts
from chronos_gitops.jobs.templates import templates
from chronos_gitops.jobs.validation import suggestions
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.quoting import short
from chronos_gitops.jobs.validation.yaml.positions import Path

_OPEN_VARIABLE = re.compile(r"\{\{[ ]?\.\w{0,40}")
_OPEN_SECRET = re.compile(r"\$\{secret:[\w-]{0,40}")
_SHAPE = re.compile(r"[a-z0-9]+")


def check_text(source: Document, path: Path, text: str) -> Iterator[Problem]:
    """One text that is sent."""
    if "{{" in text:
        yield from _variables(source, path, text)
    if "${" in text:
        yield from _secrets(source, path, text)


def unknown_secrets(source: Document, known: frozenset[str]) -> Iterator[Problem]:
    """References whose name is valid and none of those that there are."""
    for path, text in texts(source.get("webhook")):
        for offset, name in templates.secrets(text):
            if name in known or not templates.is_secret_name(name):
                continue
            spot = source.spot_of(path, text[offset : text.index("}", offset) + 1])
            hint = (
                suggestions.did_you_mean(name, known) or "add it to the operator's secrets, or name one that is there"
            )
            yield spot.problem("unknown-secret", f'there is no secret "{short(name)}"', hint)


def _variables(source: Document, path: Path, text: str) -> Iterator[Problem]:
    closed = templates.variables(text)
    for offset, inside in closed:
        if path[1] == "auth":
            message, hint = "template variables are not replaced in webhook.auth", "write the value, or ${secret:name}"
            yield source.spot(path).problem("variable", message, hint)
        elif not templates.is_variable(inside):
            written = text[offset : text.index("}}", offset) + 2]
            message = f'unknown template variable "{short(written)}"'
            yield source.spot_of(path, written).problem("variable", message, _which_variable(inside))
    for written in _unclosed(_OPEN_VARIABLE, text, {offset for offset, _ in closed}):
        message = f'the template variable "{written}" is never closed'
        yield source.spot_of(path, written).problem("variable", message, "close it with }}")


def _which_variable(inside: str) -> str:
    meant = suggestions.closest(inside.lstrip("."), templates.VARIABLES)
    if meant is not None:
        return f'did you mean "{{{{.{meant}}}}}"?'
    return "there are " + ", ".join(f"{{{{.{name}}}}}" for name in templates.VARIABLES)


def _secrets(source: Document, path: Path, text: str) -> Iterator[Problem]:
    closed = templates.secrets(text)
    for offset, name in closed:
        if not templates.is_secret_name(name):
            message = f'"{short(name)}" cannot be the name of a secret'
            meant = "-".join(_SHAPE.findall(name.lower()))[:100].rstrip("-")
            hint = f"write ${{secret:{meant}}}" if meant else "write it like ${secret:backup-token}"
            spot = source.spot_of(path, text[offset : text.index("}", offset) + 1])
            yield spot.problem("secret-name", message, hint)
    for written in _unclosed(_OPEN_SECRET, text, {offset for offset, _ in closed}):
        message = f'the reference "{written}" is never closed'
        yield source.spot_of(path, written).problem("secret-name", message, "close it with }")


def _unclosed(pattern: re.Pattern[str], text: str, closed: set[int]) -> Iterator[str]:
    return (match.group() for match in pattern.finditer(text) if match.start() not in closed)
