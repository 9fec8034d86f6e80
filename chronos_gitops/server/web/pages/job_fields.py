"""Every field of a job with the file and line of its value, as its page shows them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.jobs.secrets.masking import masked
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.request_context import service

_WHOLE: Final = "webhook.auth"


@dataclass(frozen=True, slots=True)
class FieldPlace:
    """``place`` is empty for a built-in value; ``is_inherited`` says that a layer has it."""

    field: str
    value: Any
    place: str
    is_inherited: bool


def field_places(definition: JobVersion) -> list[FieldPlace]:
    """In the order of the document; none where the files can no longer be read."""
    sources = responses.sources(service(), definition)
    if not sources:
        return []
    return [
        FieldPlace(field, value, _place(sources.get(field)), _file(sources.get(field)) not in ("", definition.path))
        for field, value in _values(masked(definition.job.document()), "")
        if value not in (None, {}, "") or field in sources
    ]


def _place(source: Mapping[str, Any] | None) -> str:
    return "" if source is None else f"{source['file']}:{source['line']}"


def _file(source: Mapping[str, Any] | None) -> str:
    return "" if source is None else str(source["file"])


def _values(document: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        field = f"{prefix}{key}"
        if isinstance(value, Mapping) and value and field != _WHOLE:
            yield from _values(value, f"{field}.")
        else:
            yield field, value
