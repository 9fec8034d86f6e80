"""IANA zones: their names, and what a wall clock in one of them shows; instants are seconds since the epoch in UTC."""

import io
import pkgutil
import re
import zoneinfo
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.errors import ScheduleError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROBE = 2 * 86_400
"""Less than the time between any two changes of one zone: 3.98 days in tzdata 2026f (Africa/Freetown in 1939)."""

_ABBREVIATIONS = {
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "MDT": "America/Denver",
    "CDT": "America/Chicago",
    "EDT": "America/New_York",
    "BST": "Europe/London",
    "CEST": "Europe/Berlin",
    "JST": "Asia/Tokyo",
    "AEST": "Australia/Sydney",
}
_LEGACY = {
    "EST": "America/New_York",
    "EST5EDT": "America/New_York",
    "CST6CDT": "America/Chicago",
    "MST": "America/Denver",
    "MST7MDT": "America/Denver",
    "PST8PDT": "America/Los_Angeles",
    "HST": "Pacific/Honolulu",
    "CET": "Europe/Berlin",
    "MET": "Europe/Berlin",
    "EET": "Europe/Athens",
    "WET": "Europe/Lisbon",
}
"""Abbreviations that tzdata has as names."""
_OFFSET = re.compile(r"(?:UTC|GMT|Z)?[+-][0-9:]{1,5}")
_RELEASE = re.compile(r"([0-9]{4})([a-z]+)")
_GENERAL = "write an IANA name like UTC, Europe/Paris or America/New_York"


@dataclass(frozen=True, slots=True, eq=False)
class ZoneData:
    """A release of the IANA database other than the installed one: its name (``2026a``), and TZif files by zone."""

    release: str
    files: Mapping[str, bytes] = field(repr=False)


_given: ContextVar[ZoneData | None] = ContextVar("zone_data", default=None)


@contextmanager
def using(data: ZoneData) -> Iterator[None]:
    """Within it, zones and the schedules that are parsed follow this release."""
    token = _given.set(data)
    try:
        yield
    finally:
        _given.reset(token)


def given() -> ZoneData | None:
    """The release that is used in place of the installed one; what is kept of schedules depends on it."""
    return _given.get()


def zone_names() -> frozenset[str]:
    """Every name a job may use."""
    data = given()
    return _installed_names() if data is None else frozenset(data.files)


@lru_cache(maxsize=1)
def _installed_names() -> frozenset[str]:
    """The list of the tzdata package, else what this machine has."""
    try:
        listed = pkgutil.get_data("tzdata", "zones")  # importlib.resources takes 4 ms to be imported
    except (ModuleNotFoundError, FileNotFoundError):
        listed = None
    return frozenset(zoneinfo.available_timezones() if listed is None else listed.decode().split())


def load(name: str) -> ZoneInfo:
    """The zone of exactly that name; ScheduleError with a suggestion when it is not in the list.

    No file is opened for a name outside the list, so that a name cannot be a path.
    """
    if name not in zone_names():
        hint, meant = _suggestion(name)
        raise ScheduleError(f'unknown timezone "{name[:60]}"', hint=hint, field="timezone", meant=meant)
    try:
        return _read(name, given())
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        hint = "install or update the tzdata package"
        raise ScheduleError(f'timezone "{name}" cannot be read on this machine', hint=hint, field="timezone") from None


@lru_cache(maxsize=1024)
def _read(name: str, data: ZoneData | None) -> ZoneInfo:
    """Out of the tzdata package and not the machine's own files, so that replicas agree about every tick."""
    if data is not None:
        return ZoneInfo.from_file(io.BytesIO(data.files[name]), key=name)
    try:
        content = pkgutil.get_data("tzdata", f"zoneinfo/{name}")
    except ModuleNotFoundError:
        content = None
    return ZoneInfo(name) if content is None else ZoneInfo.from_file(io.BytesIO(content), key=name)


def rules_version() -> str:
    """The release of the IANA database that ticks are computed from, ``2026a`` for example."""
    data = given()
    if data is not None:
        return data.release
    try:
        import tzdata  # type: ignore[import-untyped]  # the package ships no types
    except ModuleNotFoundError:
        return "of this machine"
    return str(tzdata.IANA_VERSION)


def release_order(release: str) -> tuple[int, int, str]:
    """Sorts releases by age; what is no release (``rules_version`` of a machine) comes before all of them."""
    found = _RELEASE.fullmatch(release)
    return (0, 0, "") if found is None else (int(found[1]), len(found[2]), found[2])


def legacy_region(name: str) -> str | None:
    """A region whose clocks an abbreviation usually means; None for a name that is no abbreviation."""
    return _LEGACY.get(name)


def _suggestion(name: str) -> tuple[str, str]:
    """A hint, and the zone where the name is a slip of it: an abbreviation may stand for another place."""
    if len(name) > 64:
        return _GENERAL, ""
    if name.upper() in _ABBREVIATIONS:
        return f"an abbreviation is not a zone; did you mean {_ABBREVIATIONS[name.upper()]}?", ""
    if _OFFSET.fullmatch(name.upper()):
        return "an offset is not a zone; write the place, as in Europe/Paris", ""
    near = _nearest(name)
    return (f"did you mean {near}?", near) if near else (_GENERAL, "")


def _nearest(name: str) -> str | None:
    """Case, spaces and signs do not count; the whole name is compared first, then its last part alone."""
    names = sorted(zone_names())
    whole = {_plain(known): known for known in names}
    places = {_plain(known.rpartition("/")[2]): known for known in names if "/" in known}
    return _closest(name, whole) or _closest(name.rpartition("/")[2], places)


def _closest(name: str, known: Mapping[str, str]) -> str | None:
    import difflib

    near = difflib.get_close_matches(_plain(name), known, n=1, cutoff=0.8)
    return known[near[0]] if near else None


def _plain(name: str) -> str:
    return re.sub(r"[ _-]", "", name.lower())


def offset(zone: ZoneInfo, instant: int) -> int:
    """Offset of the zone's wall clock from UTC at that instant, in seconds; positive when ahead."""
    return _seconds(datetime.fromtimestamp(instant, zone).utcoffset())


def reached(zone: ZoneInfo, instant: int) -> int:
    """The latest wall-clock second shown up to that instant: in a second pass, the last one of the first pass."""
    local = datetime.fromtimestamp(instant, zone)
    now = _seconds(local.utcoffset())
    if not local.fold:
        return instant + now
    before = _seconds(local.replace(fold=0).utcoffset())
    return change(zone, instant - (before - now), instant) - 1 + before


def shown(zone: ZoneInfo, wall: int) -> int:
    """The first instant at which the wall clock shows ``wall``, or has jumped over it (PEP 495 for the two offsets)."""
    local = (_EPOCH + timedelta(seconds=wall)).replace(tzinfo=zone)
    before, after = _seconds(local.utcoffset()), _seconds(local.replace(fold=1).utcoffset())
    if before >= after:
        return wall - before
    return change(zone, wall - after, wall - before)


def change(zone: ZoneInfo, early: int, late: int) -> int:
    """The first instant in (early, late] whose offset differs from the one at ``early``; there must be one."""
    old = offset(zone, early)
    while late - early > 1:
        middle = (early + late) // 2
        if offset(zone, middle) == old:
            early = middle
        else:
            late = middle
    return late


def spans(zone: ZoneInfo, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """[start, stop), not empty, cut where the offset changes: (start, stop, offset) of each piece."""
    first, last = (datetime.fromtimestamp(at, UTC).year for at in (start, stop))
    for at in (at for year in range(first, last + 1) for at in _changes(zone, year)):
        if start < at < stop:
            yield start, at, offset(zone, start)
            start = at
    yield start, stop, offset(zone, start)


@lru_cache(maxsize=4096)
def _changes(zone: ZoneInfo, year: int) -> tuple[int, ...]:
    """The first instant of each new offset in that year of UTC; kept, because 180 looks at the clock take 100 us."""
    at, end = (int(datetime(number, 1, 1, tzinfo=UTC).timestamp()) - 1 for number in (year, year + 1))
    found = []
    while at < end:
        probe = min(at + _PROBE, end)
        if offset(zone, probe) != offset(zone, at):
            probe = change(zone, at, probe)
            found.append(probe)
        at = probe
    return tuple(found)


def _seconds(delta: timedelta | None) -> int:
    assert delta is not None, "every ZoneInfo has an offset"
    return delta.days * 86_400 + delta.seconds
