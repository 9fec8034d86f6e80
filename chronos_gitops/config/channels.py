"""Notification channels: one value for each ``[[notify]]`` table."""

from dataclasses import field
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeAlias

from chronos_gitops.process.lazy_dataclass import dataclass

Kind = Literal["job", "sync"]
Tls = Literal["starttls", "tls", "none"]

MOST_FAILURES = 100
"""The highest ``threshold``."""


@dataclass(frozen=True, slots=True)
class SecretValue:
    """A text that is never shown: ``text``, which may hold references to secrets (``${secret:NAME}``), or what stands
    in ``file``. Both are looked up at each use."""

    text: str = field(default="", repr=False)
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """A POST of JSON; with ``secret`` signed as Standard Webhooks says."""

    url: SecretValue
    secret: SecretValue | None = None


@dataclass(frozen=True, slots=True)
class Slack:
    """An incoming webhook of Slack, or of what understands the same, Mattermost for example."""

    url: SecretValue


@dataclass(frozen=True, slots=True)
class Email:
    """``sender`` and ``recipients`` are addresses; ``username`` is empty where the server asks for none."""

    host: str
    port: int
    tls: Tls
    sender: str
    recipients: tuple[str, ...]
    username: str = ""
    password: SecretValue | None = None


Way: TypeAlias = WebhookChannel | Slack | Email


@dataclass(frozen=True, slots=True)
class Channel:
    """``threshold`` failed executions in a row are an incident, of jobs that have all ``tags``. ``reminder`` is how
    long an incident lasts until it is told again (zero: never); with ``recovery`` its end is told, too."""

    name: str
    way: Way
    tags: tuple[tuple[str, str], ...] = ()
    kinds: frozenset[Kind] = frozenset(("job", "sync"))
    threshold: int = 1
    reminder: timedelta = timedelta(hours=24)
    recovery: bool = True
