"""Rules on the texts of a request, a rule for each of its fields: an edit of one field leaves the others alone.

Many jobs have the same headers and bodies: a text that no rule has a word on is looked at once.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import Final

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.secrets.references import texts
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.rules.texts import literal_credentials, placeholders
from chronos_gitops.jobs.validation.yaml.positions import Path

_LONGEST_KEPT: Final = 500
_NOWHERE: Final = Document("", ("",), {}, {}, {}, frozenset(), (), complete=True)


def check_url(source: Document) -> Iterator[Problem]:
    return _check(source, "url")


def check_body(source: Document) -> Iterator[Problem]:
    return _check(source, "body")


def check_headers(source: Document) -> Iterator[Problem]:
    return _check(source, "headers")


def check_auth(source: Document) -> Iterator[Problem]:
    return _check(source, "auth")


def _check(source: Document, field: str) -> Iterator[Problem]:
    value = source.get("webhook", field)
    for path, text in texts({field: value}) if value is not None else ():
        if len(text) > _LONGEST_KEPT or not _is_sound(path, text):
            yield from _problems(source, path, text)


@lru_cache(maxsize=1024)
def _is_sound(path: Path, text: str) -> bool:
    """True if no rule finds anything in a text at this path, wherever the file has it."""
    return next(_problems(_NOWHERE, path, text), None) is None


def _problems(source: Document, path: Path, text: str) -> Iterator[Problem]:
    rules = (placeholders, literal_credentials)
    return chain.from_iterable(rule.check_text(source, path, text) for rule in rules)
