"""The errors of schedules and time zones."""

from typing import Literal

Field = Literal["schedule", "timezone", "start", "end", "skip", "on_skip"]


class ScheduleError(ValueError):
    """The text or the zone cannot be a schedule; ``hint`` says how to mend it, ``field`` which field it is;
    ``meant`` is what the whole field should be, where only one value can have been meant."""

    def __init__(self, message: str, *, hint: str = "", field: Field = "schedule", meant: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.field: Field = field
        self.meant = meant


class ScheduleListError(ScheduleError):
    """The entries of a list are schedules, but not together."""
