"""The time since the last successful write of the ledger: an error and a missing answer count alike."""

import threading

from chronos_gitops.engine.clock import elapsed


class WriteWatch:
    """Told by the writer, asked by everybody. ``begin`` and ``succeed`` frame a transaction; ``answered`` is each
    answer of the database within one, so that a long transaction is not taken for a silence."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failing_since: float | None = None
        self._silent_since: float | None = None
        self.error = "no answer"

    def begin(self) -> None:
        with self._lock:
            self._silent_since = elapsed()

    def answered(self) -> None:
        with self._lock:
            self._silent_since = elapsed()

    def succeed(self) -> None:
        with self._lock:
            self._failing_since = self._silent_since = None
            self.error = "no answer"

    def fail(self, since: float, error: BaseException) -> None:
        """A transaction that began at ``since`` failed; of failures in a row the first one counts."""
        with self._lock:
            self._silent_since = None
            self.error = str(error)
            if self._failing_since is None:
                self._failing_since = since

    @property
    def silent_s(self) -> float:
        """Seconds for which the database has not answered the current transaction."""
        since = self._silent_since
        return 0.0 if since is None else elapsed() - since

    @property
    def is_failing(self) -> bool:
        return self._failing_since is not None

    @property
    def seconds(self) -> float:
        """0 while what was to be written was written."""
        with self._lock:
            since = [at for at in (self._failing_since, self._silent_since) if at is not None]
            return elapsed() - min(since) if since else 0.0
