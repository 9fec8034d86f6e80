"""The calendars of a tree, as they are in force."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from types import MappingProxyType
from typing import Final

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.calendar import Calendar


@dataclass(frozen=True, slots=True)
class CalendarFile:
    """``calendar`` is its content, None where it cannot be read; ``problems`` say why. ``commit`` is the one that
    changed the file last, None while the file differs from it. ``is_last_good``: the file is broken or gone, and this
    is its content from before."""

    name: str
    path: str
    blob: str
    calendar: Calendar | None
    problems: tuple[Problem, ...] = ()
    commit: str | None = None
    is_last_good: bool = False


LastGood = Callable[[CalendarFile], CalendarFile | None]
"""Of a broken file, what was read of it last; None for one that never had a content."""


@dataclass(frozen=True, slots=True)
class CalendarSet:
    """Those in force, by name. Immutable; every one has its content."""

    files: Mapping[str, CalendarFile] = field(default_factory=lambda: MappingProxyType({}))
    freezes: tuple[Calendar, ...] = ()
    commits: Mapping[str, str] = field(init=False, repr=False, compare=False)
    """By name, the commit that changed the file last, where it is known."""

    def __post_init__(self) -> None:
        commits = {name: file.commit for name, file in self.files.items() if file.commit is not None}
        object.__setattr__(self, "commits", commits)

    @classmethod
    def of(cls, read: Iterable[CalendarFile], last_good: LastGood | None) -> "CalendarSet":
        """A broken file leaves what was read of it last in force."""
        found: dict[str, CalendarFile] = {}
        for file in read:
            if file.calendar is not None:
                found[file.name] = file
            elif last_good is not None and (known := last_good(file)) is not None:
                found[file.name] = replace(known, problems=file.problems, is_last_good=True)
        return cls.in_force(found)

    @classmethod
    def in_force(cls, found: Mapping[str, CalendarFile]) -> "CalendarSet":
        ordered = {name: found[name] for name in sorted(found)}
        calendars = [file.calendar for file in ordered.values() if file.calendar is not None]
        freezes = tuple(calendar for calendar in calendars if calendar.applies_to is not None)
        return cls(MappingProxyType(ordered), freezes)

    def get(self, name: str) -> Calendar | None:
        found = self.files.get(name)
        return None if found is None else found.calendar

    def contents(self) -> dict[str, Calendar]:
        """By name."""
        return {name: file.calendar for name, file in self.files.items() if file.calendar is not None}

    def choosing(
        self, name: str, path: str, tags: Iterable[tuple[str, str]], environment: str | None
    ) -> Sequence[Calendar]:
        """The freezes that choose the job of this name, file, effective tags and environment."""
        by_key = dict(tags) if self.freezes else {}
        return [
            calendar
            for calendar in self.freezes
            if calendar.applies_to is not None and calendar.applies_to.chooses(name, path, by_key, environment)
        ]


NO_CALENDARS: Final = CalendarSet()
