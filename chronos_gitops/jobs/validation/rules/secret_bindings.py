"""Secrets where the operator's bindings do not let them be used: another team's folder or origin."""

from collections.abc import Iterator

from chronos_gitops.jobs import templates
from chronos_gitops.jobs.origin import Origin, OriginError, split
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.secret_bindings import Bindings
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.rules.placeholders import texts
from chronos_gitops.jobs.validation.yaml.positions import Path

_UNKNOWN = "\ue000"
"""Stands for what is not known before an execution; from the private use area, which no host name has."""


def check(source: Document, bindings: Bindings) -> Iterator[Problem]:
    """One problem per reference. What is not decided by the file alone is judged when the request is made."""
    for path, text in texts(source):
        for offset, name in templates.secrets(text):
            if not templates.is_secret_name(name):
                continue
            refusals = (bindings.refusal(name, origin=one, path=source.file) for one in _origins(source, path))
            refusal = next(filter(None, refusals), None)
            if refusal:
                spot = source.spot_of(path, text[offset : text.index("}", offset) + 1])
                yield spot.problem(source.file, *refusal)


def _origins(source: Document, path: Path) -> tuple[Origin | None, ...]:
    """The origins that the text at ``path``, or a token obtained with it, is sent to."""
    target = _origin(source, source.text("webhook", "url"))
    if path[1] == "auth" and source.text("webhook", "auth", "type") == "oauth2":
        return _origin(source, source.text("webhook", "auth", "token_url")), target
    return (target,)


def _origin(source: Document, url: str | None) -> Origin | None:
    if not url or templates.reference_in(url) is not None or templates.has_secret_in_host(url):
        return None
    filled = templates.substitute(url, variable=lambda name: _known(source, name), secret=lambda _: "x")
    if _UNKNOWN in templates.authority_part(filled):
        return None
    try:
        return split(filled)[0]
    except OriginError:
        return None  # another rule says what is wrong with the url


def _known(source: Document, variable: str) -> str:
    from chronos_gitops.jobs.model import job_id

    name = source.text("name") or ""
    return {"JobName": name, "JobID": job_id(name)}.get(variable, _UNKNOWN)
