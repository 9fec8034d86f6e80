"""The difference of two JobSets: the one comparison that everything which follows a change uses."""

import weakref
from collections.abc import Callable, Collection, Iterator
from dataclasses import fields, replace
from typing import Final

from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.timing import Timing


@dataclass(frozen=True, slots=True)
class JobSetDiff:
    """Names, sorted. Of a job that both sets have, each tuple says one difference, and one job may be in several.

    ``redefined``: the job itself differs. ``retimed``: only a calendar gives it other ticks. ``moved``: its file stands
    elsewhere. ``reversioned``: it is another version, text or draft. ``requarantined``: the errors of its file differ,
    what runs does not.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    redefined: tuple[str, ...] = ()
    retimed: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    reversioned: tuple[str, ...] = ()
    requarantined: tuple[str, ...] = ()
    calendars: tuple[str, ...] = ()
    """Names of calendars that come, go, or have another file or commit."""

    @property
    def changed(self) -> tuple[str, ...]:
        """The jobs of both sets that are redefined, moved or reversioned."""
        return tuple(sorted({*self.redefined, *self.moved, *self.reversioned}))

    def only(self, is_meant: Callable[[str], bool]) -> "JobSetDiff":
        """Of some jobs alone."""
        kinds = (kind.name for kind in fields(self) if kind.name != "calendars")
        return replace(self, **{kind: tuple(filter(is_meant, getattr(self, kind))) for kind in kinds})

    def __bool__(self) -> bool:
        found = self.added or self.removed or self.changed or self.requarantined or self.retimed or self.calendars
        return bool(found)


_KINDS = ("redefined", "retimed", "moved", "reversioned", "requarantined")


class _LastDiff:
    """The two sets that were compared last: everything that follows a change compares the same two."""

    def __init__(self) -> None:
        self._last: tuple[weakref.ref[JobSet], weakref.ref[JobSet], JobSetDiff] | None = None

    def get(self, before: JobSet, after: JobSet) -> JobSetDiff | None:
        last = self._last
        return None if last is None or last[0]() is not before or last[1]() is not after else last[2]

    def put(self, before: JobSet, after: JobSet, found: JobSetDiff) -> None:
        self._last = weakref.ref(before), weakref.ref(after), found


_compared: Final = _LastDiff()


def naming(calendars: Collection[str], jobs: JobSet) -> Iterator[JobVersion]:
    """The jobs that one of these calendars holds: its commit, or the line of an entry, may be another one."""
    for one in jobs if calendars else ():
        if any(known.name in calendars for known in (*one.job.timing.skip, *one.job.timing.freezes)):
            yield one


def diff(before: JobSet, after: JobSet) -> JobSetDiff:
    """Compare two job sets. A definition that is the same object on both sides is not inspected."""
    known = _compared.get(before, after)
    if known is None:
        known = _diff(before, after)
        _compared.put(before, after, known)
    return known


def _diff(before: JobSet, after: JobSet) -> JobSetDiff:
    found: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    known = before.definitions
    pairs = [
        (old, new) for name, new in after.definitions.items() if (old := known.get(name)) is not None and old is not new
    ]
    for old, new in pairs:
        for kind, differs in _differences(old, new).items():
            if differs:
                found[kind].append(new.job.name)
    return JobSetDiff(
        added=tuple(sorted(after.definitions.keys() - before.definitions.keys())),
        removed=tuple(sorted(before.definitions.keys() - after.definitions.keys())),
        calendars=_calendars(before, after),
        **{kind: tuple(sorted(names)) for kind, names in found.items()},
    )


def _calendars(before: JobSet, after: JobSet) -> tuple[str, ...]:
    old, new = before.calendars.files, after.calendars.files
    return (
        () if old is new else tuple(sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)))
    )


def _differences(old: JobVersion, new: JobVersion) -> dict[str, bool]:
    is_other = old.job is not new.job and old.job != new.job
    return {
        # The digest knows no order: two tags that change places are a new text and the same job.
        "redefined": is_other and (_is_plainly_other(old.job, new.job) or old.job.digest != new.job.digest),
        "retimed": is_other and _is_retimed(old.job.timing, new.job.timing),
        "moved": old.path != new.path,
        "reversioned": _place(old) != _place(new),
        "requarantined": old.quarantined != new.quarantined,
    }


def _is_plainly_other(old: Job, new: Job) -> bool:
    """True where one of the usual fields tells it: a digest takes 25 µs, and an edit of a layer makes thousands."""
    was, now = old.webhook, new.webhook
    return (
        (old.enabled, old.timeout, old.retry_policy) != (new.enabled, new.timeout, new.retry_policy)
        or (was.url, was.method, was.body) != (now.url, now.method, now.body)
        or (was.headers != now.headers and dict(was.headers) != dict(now.headers))
    )


def _is_retimed(old: Timing, new: Timing) -> bool:
    return old.own_digest == new.own_digest and old.digest != new.digest


def _place(definition: JobVersion) -> tuple[object, ...]:
    one = definition
    draft = one.draft, one.draft_files, one.runs_draft
    return one.identity, one.version, one.commit, draft, one.created_at, one.updated_at
