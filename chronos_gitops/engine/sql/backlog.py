"""How many unfinished executions a runner takes on: a target that is slow must not fill its memory."""

from collections.abc import Callable, Sized


class Backlog:
    """At most ``most`` executions that may overlap others of their job; ``unfinished`` are those the runner has."""

    def __init__(self, most: int, unfinished: Callable[[], Sized]) -> None:
        self._most = most
        self._unfinished = unfinished

    def room(self) -> int:
        return self._most - len(self._unfinished())

    @property
    def warning(self) -> str:
        """From any thread; empty while there is room."""
        if self.room() > 0:
            return ""
        count = self._most - self.room()
        return (
            f"{count} executions are unfinished (limits.pending); scheduled times of jobs that may overlap are skipped"
        )
