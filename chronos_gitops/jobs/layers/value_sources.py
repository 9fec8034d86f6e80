"""The place of each value that a job does not have from the built-in defaults."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from chronos_gitops.jobs.layers.effective import EffectiveDocument
from chronos_gitops.jobs.validation.document import SourceSpan

_WHOLE: Final = (("webhook", "auth"),)
"""Maps that are values themselves: one that states a type replaces the inherited one."""


def value_sources(document: EffectiveDocument, fields: Mapping[str, Any]) -> dict[str, SourceSpan]:
    """By dotted path, for the fields that are given: ``webhook.url``, ``webhook.auth``, ``tags.team``."""
    found: dict[str, SourceSpan] = {}
    for path in _values(fields, ()):
        source = document.source(path)
        if source is not None:
            found[".".join(path)] = source
    return found


def _values(fields: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, value in fields.items():
        path = (*above, key)
        if not isinstance(value, Mapping) or not value or path in _WHOLE:
            yield path
        if isinstance(value, Mapping):
            yield from _values(value, path)
