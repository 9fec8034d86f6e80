"""The limit of unfinished executions in a runner: a slow target must not fill its memory."""

from collections.abc import Callable

from chronos_gitops.plurals import plural, verb

MAX_PENDING = 5000


class Backlog:
    """At most ``most`` executions that may overlap others of their job; ``unfinished`` are those the runner has."""

    def __init__(self, most: int, unfinished: Callable[[], int]) -> None:
        self._most = most
        self._unfinished = unfinished

    def room(self) -> int:
        return self._most - self._unfinished()

    @property
    def warning(self) -> str:
        """From any thread; empty while there is room."""
        if self.room() > 0:
            return ""
        count = self._most - self.room()
        unfinished = f"{plural(count, 'execution')} {verb(count, 'is', 'are')} unfinished (limits.pending)"
        return f"{unfinished}; scheduled times of jobs that may overlap are skipped"
