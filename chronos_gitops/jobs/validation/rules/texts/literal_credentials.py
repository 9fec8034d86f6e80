"""Credentials written into the file instead of a reference."""

from collections.abc import Iterator

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.secrets import masking
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.quoting import dotted
from chronos_gitops.jobs.validation.yaml.positions import Path

_HINT = "write a reference such as ${secret:some-name}, and change the credential that was committed"


def check_text(source: Document, path: Path, text: str) -> Iterator[Problem]:
    """One text that is sent."""
    part = _literal(path, text)
    if part is not None:
        message = f"{dotted(path)} contains what looks like a credential"
        spot = source.spot_of(path, part) if part else source.spot(path)
        yield spot.problem("literal-credential", message, _HINT)


def _literal(path: Path, text: str) -> str | None:
    """The part to point at, "" for the whole value, None when the text holds no literal credential."""
    group, name = str(path[1]), str(path[-1])
    is_secret = name in masking.AUTH_FIELDS if group == "auth" else masking.is_sensitive(name)
    if group in ("auth", "headers") and is_secret:
        return "" if masking.is_literal(text) else None
    return next(iter(masking.literals(text)), None)
