"""Checks beyond the schema: the job's name, its schedule, its request."""

from collections.abc import Callable, Iterator, Mapping, Set
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice
from types import MappingProxyType
from typing import Final

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.secrets.bindings import Bindings
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.rules import body_rules, file_name, gates, headers, identity, url
from chronos_gitops.jobs.validation.rules.texts import placeholders, secret_bindings, sent_texts
from chronos_gitops.jobs.validation.rules.times import expectations, schedules, time_rules, timing
from chronos_gitops.jobs.validation.yaml.positions import MAX_FINDINGS

__all__ = ["check"]

Rule = Callable[[Document], Iterator[Problem]]
_TIMING: Final = frozenset({"name", *time_rules.SCHEDULE_FIELDS})
SENT_TEXTS: Final = frozenset({"webhook.url", "webhook.body", "webhook.headers", "webhook.auth"})
"""The fields in which references and variables are replaced."""
_DURATIONS: Final = frozenset({"webhook.timeout", *time_rules.DURATION_FIELDS})
RULES_BY_FIELDS: Final[Mapping[Rule, frozenset[str]]] = MappingProxyType(
    {
        file_name.check: frozenset({"name"}),
        timing.check: _TIMING | _DURATIONS | {"concurrency"},
        timing.check_absent: frozenset({"enabled", "timeout", "webhook.timeout", "webhook.completion"}),
        schedules.check: _TIMING,
        url.check: frozenset({"webhook.url", "webhook.auth"}),
        url.check_plain_http: frozenset({"webhook.url", "webhook.auth", "webhook.headers"}),
        url.check_body: frozenset({"webhook.body", "webhook.method"}),
        headers.check: frozenset({"webhook.headers", "webhook.auth", "webhook.success_codes"}),
        body_rules.check: frozenset({"webhook.success", "webhook.method"}),
        identity.check: frozenset({"webhook.auth"}),
        expectations.check: _TIMING | _DURATIONS | {"concurrency"},
        gates.check: frozenset({"name", "requires"}),
        sent_texts.check_url: frozenset({"webhook.url"}),
        sent_texts.check_body: frozenset({"webhook.body"}),
        sent_texts.check_headers: frozenset({"webhook.headers"}),
        sent_texts.check_auth: frozenset({"webhook.auth"}),
    }
)
"""Each rule with the top-level fields, and those of ``webhook``, that it may read: it says the same of two jobs that
differ in others."""


@lru_cache(maxsize=256)
def read_with(fields: Set[str]) -> frozenset[str]:
    """These fields, and all others that a rule reads together with one of them."""
    together = (reads for reads in RULES_BY_FIELDS.values() if not fields.isdisjoint(reads))
    return frozenset(fields).union(*together)


_OF_TIMES: Final = frozenset(time_rules.RULES)


def check(
    source: Document,
    *,
    today: datetime | None = None,
    secrets: frozenset[str] | None = None,
    bindings: Bindings | None = None,
    fields: Set[str] | None = None,
) -> tuple[Problem, ...]:
    """Problems found by the rules, at most 100, in no order but that notes about dates come last; values of the wrong
    type are left to the schema. With ``today``, an aware instant, includes notes about daylight saving in the twelve
    months after it; with ``secrets``, the known names, errors about all others; with ``bindings``, errors about secrets
    and audiences that may not be used here. With ``fields``, only rules that read one of them run, and those that are
    asked together with one."""
    asked = [one for one, reads in RULES_BY_FIELDS.items() if fields is None or not fields.isdisjoint(reads)]
    has_times = today is not None or any(one in _OF_TIMES for one in asked)
    notes, about_times = time_rules.check(source, today) if has_times else time_rules.NOTHING
    others = (problem for one in asked if one not in _OF_TIMES for problem in one(source))
    unknown = () if secrets is None else placeholders.unknown_secrets(source, secrets)
    is_sent_alike = fields is not None and fields.isdisjoint(SENT_TEXTS | {"name"})
    misused = () if bindings is None or bindings.is_open or is_sent_alike else secret_bindings.check(source, bindings)
    foreign = () if bindings is None or is_sent_alike else identity.check_bound(source, bindings.audiences)
    return tuple(islice(chain(unknown, misused, foreign, about_times, others, notes), MAX_FINDINGS))
