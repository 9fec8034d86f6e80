"""The lines of a calendar's file that a change brings and takes. Pure."""

from typing import Self

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.calendar import Calendar


@dataclass(frozen=True, slots=True)
class EntryChanges:
    """As written in the file: ``closed 12-25 (Christmas)``."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @classmethod
    def between(cls, before: Calendar | None, after: Calendar | None) -> Self:
        """None stands for a calendar that is not there."""
        old = () if before is None else before.texts()
        new = () if after is None else after.texts()
        known, kept = frozenset(old), frozenset(new)
        return cls(tuple(text for text in new if text not in known), tuple(text for text in old if text not in kept))
