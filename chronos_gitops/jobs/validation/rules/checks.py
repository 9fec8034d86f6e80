"""What the schema cannot say about a job: its name, its schedule, its request."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain, islice

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.secrets.bindings import Bindings
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.rules import (
    body_rules,
    expectations,
    gates,
    headers,
    identity,
    literal_credentials,
    names,
    placeholders,
    schedules,
    secret_bindings,
    timing,
    url,
)
from chronos_gitops.jobs.validation.yaml.positions import MAX_FINDINGS

__all__ = ["check"]

_CHECKS: tuple[Callable[[Document], Iterator[Problem]], ...] = (
    names.check,
    timing.check,
    schedules.check,
    url.check,
    headers.check,
    body_rules.check,
    identity.check,
    expectations.check,
    gates.check,
    placeholders.check,
    literal_credentials.check,
)

_DATED: tuple[Callable[[Document, datetime], Iterator[Problem]], ...] = (
    schedules.dated_notes,
    expectations.dated_notes,
)


def check(
    source: Document,
    *,
    today: datetime | None = None,
    secrets: frozenset[str] | None = None,
    bindings: Bindings | None = None,
) -> tuple[Problem, ...]:
    """What the rules find, at most 100 problems, in no order; values of the wrong type are the schema's business.

    With ``today``, an aware instant, there are notes about daylight saving in the twelve months after it; with
    ``secrets``, the names that there are, errors about all others; with ``bindings`` about secrets
    and audiences that may not be used here.
    """
    found = (problem for one in _CHECKS for problem in one(source))
    notes = () if today is None else chain(*(one(source, today) for one in _DATED))
    unknown = () if secrets is None else placeholders.unknown_secrets(source, secrets)
    misused = () if bindings is None or bindings.is_open else secret_bindings.check(source, bindings)
    foreign = () if bindings is None else identity.check_bound(source, bindings.audiences)
    return tuple(islice(chain(notes, unknown, misused, foreign, found), MAX_FINDINGS))
