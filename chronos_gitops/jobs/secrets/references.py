"""References to secrets in a job's webhook: their fields, and the origins that each of them is sent to. Pure."""

from collections.abc import Iterator, Mapping

from chronos_gitops.jobs.job_ids import job_id
from chronos_gitops.jobs.origins.origin import Origin, OriginError, split
from chronos_gitops.jobs.templates import templates
from chronos_gitops.process.lazy_dataclass import dataclass

Field = tuple[str, ...]
"""Path of a text in the job: ``("webhook", "headers", "X-Key")``."""
_PLAIN = ("auth", "audience")
"""Nothing is replaced in it: whom a token is for must be seen in review."""
_UNKNOWN = "\ue000"
"""Stands for what is not known before an execution; from the private use area, which no host name has."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One ``${secret:name}``. ``origins`` are those of the requests that carry it, or a token obtained with it; None
    for one that the file alone does not decide."""

    name: str
    field: Field
    origins: tuple[Origin | None, ...]

    @property
    def written(self) -> str:
        return f"${{secret:{self.name}}}"


def texts(webhook: object) -> Iterator[tuple[Field, str]]:
    """Every text in which placeholders are replaced. ``webhook`` is the table of a file, which may hold anything."""
    if not isinstance(webhook, Mapping):
        return
    for field in ("url", "body"):
        if isinstance(webhook.get(field), str):
            yield ("webhook", field), webhook[field]
    for group in ("headers", "auth"):
        values = webhook.get(group)
        for name, value in (values if isinstance(values, Mapping) else {}).items():
            if isinstance(value, str) and (group, name) != _PLAIN:
                yield ("webhook", group, name), value


def references(webhook: object, *, job: object) -> Iterator[Reference]:
    """Every reference whose name is valid, in the order of ``texts``; ``job`` is the job's name."""
    for field, text in texts(webhook):
        names = [name for _, name in templates.secrets(text) if templates.is_secret_name(name)]
        if names and isinstance(webhook, Mapping):
            origins = _origins(webhook, field, job if isinstance(job, str) else "")
            yield from (Reference(name, field, origins) for name in names)


def _origins(webhook: Mapping[str, object], field: Field, job: str) -> tuple[Origin | None, ...]:
    target = origin_of(webhook.get("url"), job)
    auth = webhook.get("auth")
    if field[1] == "auth" and isinstance(auth, Mapping) and auth.get("type") == "oauth2":
        return origin_of(auth.get("token_url"), job), target
    return (target,)


def origin_of(url: object, job: str) -> Origin | None:
    """Where a url of this job leads, as far as the file decides it."""
    if not isinstance(url, str) or templates.reference_in(url) is not None or templates.has_secret_in_host(url):
        return None
    filled = templates.substitute(url, variable=lambda variable: _known(variable, job), secret=lambda _: "x")
    if _UNKNOWN in templates.authority_part(filled):
        return None
    try:
        return split(filled)[0]
    except OriginError:
        return None  # another rule says what is wrong with the url


def _known(variable: str, job: str) -> str:
    return {"JobName": job, "JobID": job_id(job)}.get(variable, _UNKNOWN)
