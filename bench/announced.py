"""The newest JobSet of a follower in this process, for benches that wait until a commit is active."""

import threading
from collections.abc import Callable

from chronos_gitops.jobs.model import JobSet


class Announced:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs = JobSet()

    def take(self, jobs: JobSet) -> None:
        with self._changed:
            self._jobs = jobs
            self._changed.notify_all()

    def wait(self, is_active: Callable[[JobSet], bool], *, what: str, seconds: float) -> None:
        """SystemExit when ``what`` is not active in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: is_active(self._jobs), seconds):
                raise SystemExit(f"{what} did not become active within {seconds:.0f} s")
