"""What the schema cannot say about a job: its name, its schedule, its request."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain, islice

from chronos_gitops.jobs.bindings import Bindings
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.rulebook import RULES
from chronos_gitops.jobs.rules import address, bound, credential, headers, naming, placeholders, timing
from chronos_gitops.jobs.source import Source
from chronos_gitops.jobs.yaml12.place import MAX_FINDINGS

__all__ = ["RULES", "check"]

_CHECKS: tuple[Callable[[Source], Iterator[Problem]], ...] = (
    naming.check,
    timing.check,
    address.check,
    headers.check,
    placeholders.check,
    credential.check,
)


def check(
    source: Source,
    *,
    today: datetime | None = None,
    secrets: frozenset[str] | None = None,
    bindings: Bindings | None = None,
) -> tuple[Problem, ...]:
    """What the rules find, at most 100 problems, in no order; values of the wrong type are the schema's business.

    With ``today``, an aware instant, there are notes about daylight saving in the twelve months after it; with
    ``secrets``, the names that there are, errors about all others; with ``bindings`` about secrets
    that may not be used here.
    """
    found = (problem for one in _CHECKS for problem in one(source))
    notes = () if today is None else timing.gap_notes(source, today)
    unknown = () if secrets is None else placeholders.unknown_secrets(source, secrets)
    misused = () if bindings is None or bindings.is_open else bound.check(source, bindings)
    return tuple(islice(chain(notes, unknown, misused, found), MAX_FINDINGS))
