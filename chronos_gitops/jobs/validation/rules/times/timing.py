"""Rules on the schedule of a job, and on its durations."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.rules.times import schedules
from chronos_gitops.jobs.validation.yaml.positions import Path
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.timing import Timing

_DURATIONS: tuple[Path, ...] = (
    ("timeout",),
    ("webhook", "timeout"),
    ("retry_policy", "initial_interval"),
    ("retry_policy", "max_interval"),
    ("catchup_window",),
    ("jitter",),
    *(("expect", name) for name in ("start_within", "max_duration", "min_duration", "success_every")),
    ("requires", "success_within"),
    ("requires", "wait"),
)
_TIMEOUTS: tuple[Path, ...] = (("timeout",), ("webhook", "timeout"))
_DURATION = re.compile(durations.PATTERN[:-1] + r"\Z")
_QUICKEST = timedelta(seconds=10)
_DEFAULT_TIMEOUT = timedelta(minutes=5)
_DEFAULT_MAX_INTERVAL = timedelta(minutes=1)
_YEAR = timedelta(days=365)
# Any Monday does: the shortest gap is sought among the first ticks from here, and no clock is read for it.
_REFERENCE = datetime(2024, 1, 1, tzinfo=UTC) - timedelta(microseconds=1)
_SAMPLE = 8


def check(source: Document) -> Iterator[Problem]:
    parsed = {
        path: _duration(text)
        for path in _DURATIONS
        if path[0] in source.value and (text := source.text(*path)) is not None
    }
    for path, read in parsed.items():
        if isinstance(read, durations.DurationError):
            yield source.spot(path).problem("duration", str(read))
    lengths = {path: read for path, read in parsed.items() if isinstance(read, timedelta)}
    yield from _timeouts(source, lengths)
    yield from _waits(source, lengths)
    yield from _frequency(source, lengths)


def check_absent(source: Document) -> Iterator[Problem]:
    """Notes about fields whose default an author may not have meant."""
    if "enabled" not in source.value:
        message, hint = (
            "`enabled` is absent, so the job does not run",
            "write enabled: true, or false to say it is meant",
        )
        yield source.key_spot(("name",)).problem("enabled-absent", message, hint)
    if "timeout" not in source.value and source.get("webhook", "timeout") is None:
        message, hint = "`timeout` is absent, so an attempt may take 5m", "write timeout: 5m, or what fits the target"
        if source.text("webhook", "completion") == "callback":
            message = "`timeout` is absent, so the callback has to come within 5m"
            hint = "write how long the work may take, like timeout: 2h"
        yield source.key_spot(("name",)).problem("timeout-absent", message, hint)


@lru_cache(maxsize=1024)
def _duration(text: str) -> timedelta | durations.DurationError | None:
    if not _DURATION.match(text):
        return None
    try:
        return durations.parse(text)
    except durations.DurationError as error:
        return error


def _timeouts(source: Document, lengths: dict[Path, timedelta]) -> Iterator[Problem]:
    for path in _TIMEOUTS:
        if path in lengths and not lengths[path]:
            message, hint = "a timeout of zero ends every attempt before it starts", "write one like 30s or 5m"
            yield source.spot(path).problem("zero-timeout", message, hint)


def _waits(source: Document, lengths: dict[Path, timedelta]) -> Iterator[Problem]:
    first = lengths.get(("retry_policy", "initial_interval"))
    longest = lengths.get(("retry_policy", "max_interval"), _DEFAULT_MAX_INTERVAL)
    if first is not None and first > longest:
        message = (
            f"the first wait of {durations.render(first)} is longer than max_interval, {durations.render(longest)}"
        )
        hint = f"write max_interval: {durations.render(first)} or longer"
        place = ("retry_policy", "initial_interval")
        yield source.spot(place).problem("retry-interval", message, hint)


def _frequency(source: Document, lengths: dict[Path, timedelta]) -> Iterator[Problem]:
    """The shortest time between runs is looked for where it may matter: it costs 40 µs for each new schedule."""
    if source.text("concurrency") != "allow" and not schedules.may_be_quick(source):
        return
    found = schedules.timing_of(source)
    is_quick = found is not None and any(one.interval or one.has_seconds for one in found.schedules.schedules)
    gap = shortest_gap(found) if found is not None and (is_quick or source.text("concurrency") == "allow") else None
    if gap is None:
        return
    if gap < _QUICKEST:
        message = f"the job runs every {durations.render(gap)}"
        hint = "use a queue or a long-running process for such a rate"
        yield source.spot(("schedule",)).problem("too-frequent", message, hint)
    yield from _overlap(source, lengths, gap)


@lru_cache(maxsize=4096)
def shortest_gap(timing: Timing) -> timedelta | None:
    """The shortest time between two of the first ticks of a year; None for less than two ticks in it."""
    ticks = islice(timing.schedules.between(_REFERENCE, _REFERENCE + _YEAR), _SAMPLE)
    return min((later - earlier for earlier, later in pairwise(ticks)), default=None)


def _overlap(source: Document, lengths: dict[Path, timedelta], gap: timedelta) -> Iterator[Problem]:
    place: Path = ("webhook", "timeout") if ("webhook", "timeout") in lengths else ("timeout",)
    timeout = lengths.get(place, _DEFAULT_TIMEOUT)
    if source.text("concurrency") == "allow" and timeout > gap:
        message = f"runs start every {durations.render(gap)} and may take {durations.render(timeout)}"
        hint = f"write a timeout below {durations.render(gap)}, or concurrency: forbid"
        spot = source.spot(place) if place in lengths else source.spot(("concurrency",))
        yield spot.problem("timeout-overlap", message, hint)
