"""The newest JobSet of a follower in this process, for benches that wait until a commit is active."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from runner import commit_paths

from chronos_gitops.jobs.model import JobSet
from chronos_gitops.sync.controller import SyncController
from chronos_gitops.sync.source import open_source


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

    def follower(
        self, folder: Path, data: Path, *, mode: str = "branch", environment: str | None = None
    ) -> SyncController:
        """Tells its JobSets here. It looks at a change at once, and by itself once an hour only."""
        return SyncController(
            open_source(str(folder), data=data, mode=mode),
            on_change=self.take,
            data=data,
            now=lambda: datetime.now(UTC),
            environment=environment,
            interval=timedelta(hours=1),
        )

    def edit(self, folder: Path, file: tuple[str, str], is_active: Callable[[JobSet], bool]) -> tuple[float, float]:
        """Commits one file, and the time until it is active: wall-clock and processor seconds of this process."""
        time.sleep(0.5)  # the change comes to a follower that is at rest

        def change() -> None:
            commit_paths(folder, [file], onto=True)
            self.wait(is_active, what="the edit", seconds=120)

        return timed(change)


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Wall-clock and processor seconds of this process."""
    wall, processor = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - wall, time.process_time() - processor
