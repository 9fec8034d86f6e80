"""The audience of an identity token: a plain text, and the origin of the url unless the operator says otherwise."""

from collections.abc import Iterator

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.secrets.audiences import Audiences
from chronos_gitops.jobs.secrets.references import origin_of
from chronos_gitops.jobs.templates import templates
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.yaml.positions import Path

_AUDIENCE: Path = ("webhook", "auth", "audience")


def check(source: Document) -> Iterator[Problem]:
    audience = _audience(source)
    if audience is not None and not templates.is_plain(audience):
        message = "the audience of an identity token holds a reference or a template variable"
        yield source.spot(_AUDIENCE).problem("audience", message, "write it out, or leave it out for the url's origin")


def check_bound(source: Document, audiences: Audiences) -> Iterator[Problem]:
    """Check the audience against the list of the operator where the file alone decides it; others are checked with the
    request."""
    audience = _audience(source)
    if audience is None or not templates.is_plain(audience):
        return
    origin = origin_of(source.get("webhook", "url"), source.text("name") or "")
    refusal = audiences.refusal(audience, origin=origin, path=source.file)
    if refusal is not None:
        yield source.spot(_AUDIENCE).problem(*refusal)


def _audience(source: Document) -> str | None:
    return source.text(*_AUDIENCE) if source.text("webhook", "auth", "type") == "identity" else None
