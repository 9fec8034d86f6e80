"""What a schedule or a zone is refused with."""

from typing import Literal

Field = Literal["schedule", "timezone"]


class ScheduleError(ValueError):
    """The text or the zone cannot be a schedule; ``hint`` says how to mend it, ``field`` which of the two it is."""

    def __init__(self, message: str, *, hint: str = "", field: Field = "schedule") -> None:
        super().__init__(message)
        self.hint = hint
        self.field: Field = field
