"""The model of a job: frozen values, built whole from a validated document."""

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any

from chronos_gitops.jobs.calendar_set import NO_CALENDARS, CalendarSet
from chronos_gitops.jobs.job_ids import DefinitionId, job_id
from chronos_gitops.jobs.layers import variables
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.promises.expect import Expect
from chronos_gitops.jobs.promises.guard import Guard
from chronos_gitops.jobs.promises.requires import Requires
from chronos_gitops.jobs.templates.time_variables import TimeVariable
from chronos_gitops.jobs.webhook import Completion, Document, Webhook, pairs
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.timing import Timing


class Concurrency(StrEnum):
    FORBID = "forbid"
    ALLOW = "allow"
    REPLACE = "replace"
    QUEUE = "queue"


class MissedRunPolicy(StrEnum):
    EXECUTE_ONE = "execute_one"
    IGNORE = "ignore"
    EXECUTE_ALL = "execute_all"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``max_attempts`` counts the first attempt; the wait before attempt n+1 grows from ``initial_interval``."""

    max_attempts: int = 3
    initial_interval: timedelta = timedelta(seconds=1)
    multiplier: float = 2.0
    max_interval: timedelta = timedelta(minutes=1)


@dataclass(frozen=True)
class Job:
    """One job as its file says it, with the defaults of CONTRACT 1 filled in."""

    name: str
    timing: Timing
    webhook: Webhook
    description: str = ""
    enabled: bool = False
    timeout: timedelta = timedelta(minutes=5)
    retry_policy: RetryPolicy = RetryPolicy()
    concurrency: Concurrency = Concurrency.FORBID
    missed_run_policy: MissedRunPolicy = MissedRunPolicy.EXECUTE_ONE
    catchup_window: timedelta = timedelta(hours=1)
    jitter: timedelta = timedelta(0)
    tags: tuple[tuple[str, str], ...] = ()
    expect: Expect | None = None
    guard: Guard | None = None
    requires: Requires | None = None
    times: tuple[tuple[str, TimeVariable], ...] = ()
    """Variables that its texts refer to and that have a text only when it is sent."""

    @property
    def id(self) -> str:
        return job_id(self.name)

    @property
    def timezone(self) -> str:
        return self.timing.timezone

    @property
    def attempt_timeout(self) -> timedelta:
        """The whole of one attempt, connect to last byte or to its callback; the webhook's own wins (CONTRACT 1)."""
        return self.timeout if self.webhook.timeout is None else self.webhook.timeout

    @property
    def awaits_callback(self) -> bool:
        return self.webhook.completion is Completion.CALLBACK

    @cached_property
    def digest(self) -> str:
        """Equal digests mean equal jobs."""
        return digest_of(self.document())

    @classmethod
    def from_document(cls, document: Document, *, sent_like: "Job | None" = None) -> "Job":
        """Builds the job of a document that validation found without errors; anything else may raise anything.

        ``sent_like`` is a job that has the same webhook and the same times.
        """
        name = sys.intern(document["name"])
        optional: dict[str, Any] = {
            key: document[key] for key in ("description", "enabled") if document.get(key) is not None
        }
        for key in ("timeout", "catchup_window", "jitter"):
            if document.get(key) is not None:
                optional[key] = durations.parse(document[key])
        if document.get("concurrency") is not None:
            optional["concurrency"] = Concurrency(document["concurrency"])
        if document.get("missed_run_policy") is not None:
            optional["missed_run_policy"] = MissedRunPolicy(document["missed_run_policy"])
        if document.get("expect"):
            optional["expect"] = Expect.from_document(document["expect"])
        if document.get("guard"):
            optional["guard"] = Guard(document["guard"]["executions"])
        if document.get("requires"):
            optional["requires"] = Requires.from_document(document["requires"])
        return cls(
            name=name,
            timing=_timing(document, name),
            webhook=Webhook.from_document(document["webhook"]) if sent_like is None else sent_like.webhook,
            retry_policy=_retry_policy(document.get("retry_policy") or {}),
            tags=pairs(document.get("tags")),
            times=_times(document) if sent_like is None else sent_like.times,
            **optional,
        )

    def with_webhook(self, webhook: Document) -> "Job":
        """The same job with another request: this part of a document, whose texts hold no variables."""
        return replace(self, webhook=Webhook.from_document(webhook))

    def document(self) -> dict[str, Any]:
        """The job as a file would say it with every default written out; ``from_document`` is its inverse."""
        times = {variables.VARIABLES: {name: time.document() for name, time in self.times}} if self.times else {}
        when = self.timing.fields()  # but for schedule, left out where absent, so that jobs of before keep their digest
        promises = {"expect": self.expect, "guard": self.guard, "requires": self.requires}  # left out where absent, too
        return {
            "name": self.name,
            "description": self.description,
            "schedule": when.pop("schedule"),
            "timezone": self.timezone,
            **when,
            "enabled": self.enabled,
            "webhook": self.webhook.document(),
            "timeout": durations.render(self.timeout),
            "retry_policy": _retry_document(self.retry_policy),
            "concurrency": self.concurrency.value,
            "missed_run_policy": self.missed_run_policy.value,
            "catchup_window": durations.render(self.catchup_window),
            "jitter": durations.render(self.jitter),
            "tags": dict(self.tags),
            **{name: one.document() for name, one in promises.items() if one is not None},
            **times,
        }

    def texts_at(self, scheduled: datetime) -> dict[str, str]:
        """Its times as texts, for an execution of this scheduled time. Raises NoSuchTime."""
        return {name: time.render(scheduled, self.timing) for name, time in self.times}

    def at(self, scheduled: datetime) -> "Job":
        """The job with its times as texts. Raises NoSuchTime."""
        if not self.times:
            return self
        filled = variables.with_texts({"webhook": self.webhook.document()}, self.texts_at(scheduled))
        return replace(self, webhook=Webhook.from_document(filled["webhook"]), times=())


def digest_of(document: Document) -> str:
    """SHA-256 of a job's document in one canonical form."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _times(document: Document) -> tuple[tuple[str, TimeVariable], ...]:
    used = variables.only_used(document) if document.get(variables.VARIABLES) else {}
    return tuple((name, TimeVariable.parse(value)) for name, value in used.items() if variables.is_time(value))


def _timing(document: Document, name: str) -> Timing:
    optional = {key: document[key] for key in ("start", "end", "skip", "on_skip") if document.get(key) is not None}
    return Timing.parse(document["schedule"], document.get("timezone") or "UTC", key=name, **optional)


def _retry_policy(document: Document) -> RetryPolicy:
    if not document:
        return _RETRY

    def interval(key: str, fallback: timedelta) -> timedelta:
        return fallback if document.get(key) is None else durations.parse(document[key])

    return _policy(
        document.get("max_attempts") or _RETRY.max_attempts,
        interval("initial_interval", _RETRY.initial_interval),
        float(document.get("multiplier") or _RETRY.multiplier),
        interval("max_interval", _RETRY.max_interval),
    )


@lru_cache(maxsize=1024)
def _policy(attempts: int, initial_interval: timedelta, multiplier: float, max_interval: timedelta) -> RetryPolicy:
    """One value for all jobs that say the same."""
    return RetryPolicy(attempts, initial_interval, multiplier, max_interval)


_RETRY = RetryPolicy()


def _retry_document(policy: RetryPolicy) -> dict[str, Any]:
    return {
        "max_attempts": policy.max_attempts,
        "initial_interval": durations.render(policy.initial_interval),
        "multiplier": policy.multiplier,
        "max_interval": durations.render(policy.max_interval),
    }


@dataclass(frozen=True, slots=True)
class JobVersion:
    """A job together with where it stands in git.

    ``version`` and ``commit`` name the last commit that changed it (None when it was never committed). ``draft`` says
    that it differs from that commit, ``draft_files`` in which files; ``runs_draft``: in its effective content or its
    path, so that its executions are drafts. ``quarantined`` holds the errors of its files as they stand now, and then
    the job is its last good version.
    """

    job: Job
    path: str
    identity: DefinitionId
    version: int | None = None
    commit: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    draft: bool = False
    draft_files: tuple[str, ...] = ()
    runs_draft: bool = False
    quarantined: tuple[Problem, ...] = ()

    @property
    def sent_commit(self) -> str | None:
        """The commit sent with requests; None for a draft, which is not committed."""
        return None if self.runs_draft else self.commit


@dataclass(frozen=True, slots=True, weakref_slot=True)
class JobSet:
    """All jobs at one revision: complete or it does not exist, swapped once, never changed."""

    revision: str | None = None
    definitions: Mapping[str, JobVersion] = field(default_factory=lambda: MappingProxyType({}))
    calendars: CalendarSet = NO_CALENDARS
    _names: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Names by id, made at the first question."""

    @classmethod
    def of(
        cls, revision: str | None, definitions: Iterable[JobVersion], calendars: CalendarSet = NO_CALENDARS
    ) -> "JobSet":
        by_name = {definition.job.name: definition for definition in definitions}
        return cls(revision, MappingProxyType({name: by_name[name] for name in sorted(by_name)}), calendars)

    def __iter__(self) -> Iterator[JobVersion]:
        return iter(self.definitions.values())

    def __len__(self) -> int:
        return len(self.definitions)

    def get(self, name: str) -> JobVersion | None:
        return self.definitions.get(name)

    def find(self, name_or_id: str) -> JobVersion | None:
        """By name, else by id (CONTRACT 6: ``{name}`` may be the name or the id)."""
        found = self.definitions.get(name_or_id)
        if found is not None or len(name_or_id) != 36:
            return found
        if not self._names:
            self._names.update({definition.job.id: name for name, definition in self.definitions.items()})
        return self.definitions.get(self._names.get(name_or_id.lower(), ""))
