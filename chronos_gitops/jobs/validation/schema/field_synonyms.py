"""Names that other schedulers give to our fields, where no spelling is near enough to be suggested."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

_SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "schedule": ("cron", "cron_expression", "crontab", "every", "interval", "when"),
        "timezone": ("tz", "zone"),
        "tags": ("labels",),
        "enabled": ("active", "is_enabled"),
        "webhook": ("http", "request", "hook", "target"),
        "retry_policy": ("retry", "retries", "backoff"),
        "concurrency": ("concurrency_policy", "overlap", "overlap_policy"),
        "catchup_window": ("starting_deadline_seconds", "misfire_grace_time"),
        "missed_run_policy": ("catchup", "catch_up", "misfire_policy"),
        "url": ("uri", "endpoint", "address"),
        "method": ("verb", "http_method"),
        "body": ("data", "payload", "json"),
        "max_attempts": ("attempts", "max_retries", "limit"),
        "success_codes": ("status_codes", "expected_status", "expected_codes"),
    }
)
_FIELD_OF: Final = {word.replace("_", ""): field for field, words in _SYNONYMS.items() for word in words}
_SAME_VALUE: Final = frozenset(
    {"cron", "cronexpression", "crontab", "tz", "zone", "uri", "verb", "httpmethod", "labels"}
)
"""The value under such a name is one that our field takes as it is."""


def field_of(word: str, known: Iterable[str]) -> str | None:
    """The field of this place that the word means; None for a word that is no synonym here."""
    found = _FIELD_OF.get(_plain(word))
    return found if found in tuple(known) else None


def has_same_value(word: str) -> bool:
    return _plain(word) in _SAME_VALUE


def _plain(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "")
