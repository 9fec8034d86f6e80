"""The rules on when a job runs and for how long, asked once for all jobs that say the same about it.

Many jobs share their schedule, zone and timeouts: of 290 µs for a file these rules took 40, now 5. Like every fast path
this one never says what is wrong, only that nothing was.
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import chain, islice
from typing import Final

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.rules.times import expectations, schedules, timing
from chronos_gitops.jobs.validation.yaml.positions import MAX_FINDINGS
from chronos_gitops.schedule.cron import parser as cron
from chronos_gitops.schedule.zones import timezones
from chronos_gitops.schedule.zones.timezones import ZoneData

SCHEDULE_FIELDS: Final = ("schedule", "timezone", "start", "end", "skip", "on_skip")
DURATION_FIELDS: Final = ("timeout", "retry_policy", "catchup_window", "jitter", "expect", "requires")
RULES: Final = (timing.check, schedules.check, expectations.check)
_DATED: Final = (schedules.dated_notes, expectations.dated_notes)
_FIELDS: Final = (*SCHEDULE_FIELDS, *DURATION_FIELDS, "concurrency")
_LONGEST_KEPT: Final = 500
_MOST_KEPT: Final = 4096

_Problems = tuple[Problem, ...]
_Key = tuple[str, datetime | None, ZoneData | None]
NOTHING: Final[tuple[_Problems, _Problems]] = (), ()
_sound: Final[set[_Key]] = set()
"""Values in which these rules have found nothing."""


def check(source: Document, today: datetime | None) -> tuple[_Problems, _Problems]:
    """With ``today`` the notes about the twelve months after it, and all other problems of these rules."""
    key = _key(source, today)
    if key in _sound:
        return NOTHING
    notes = () if today is None else _found(rule(source, today) for rule in _DATED)
    others = _found(rule(source) for rule in RULES)
    if not notes and not others and len(key[0]) <= _LONGEST_KEPT:
        if len(_sound) >= _MOST_KEPT:
            _sound.clear()
        _sound.add(key)
    return notes, others


def _found(asked: Iterable[Iterable[Problem]]) -> _Problems:
    return tuple(islice(chain.from_iterable(asked), MAX_FINDINGS))


def _key(source: Document, today: datetime | None) -> _Key:
    """All that these rules read; the name counts where ``H`` may stand for a value made of it."""
    value, webhook = source.value, source.value.get("webhook")
    said: list[object] = [value.get(field) for field in _FIELDS]
    said.append(webhook.get("timeout") if isinstance(webhook, dict) else None)
    if cron.is_hashed(repr(said[0])):
        said.append(value.get("name"))
    return repr(said), today, timezones.given()
