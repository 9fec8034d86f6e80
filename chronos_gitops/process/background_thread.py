"""A thread that works beside the others until it is stopped; the process does not wait for it at its end."""

import threading
from collections.abc import Callable


class BackgroundThread:
    """Runs ``target``, or the method ``run`` of a subclass, which ends soon after ``stopping`` is set; it may sleep on
    ``woken``, which it clears itself. Stopping, waking and joining are harmless before the launch."""

    def __init__(self, name: str, target: Callable[[], None] | None = None) -> None:
        self.stopping = threading.Event()
        self.woken = threading.Event()
        self._thread = threading.Thread(target=target or self.run, name=name, daemon=True)

    def run(self) -> None:
        raise NotImplementedError

    def launch(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something new."""
        self.woken.set()

    def stop(self) -> None:
        """Ask the thread to stop and return at once; work in progress may finish."""
        self.stopping.set()
        self.woken.set()

    def join(self, seconds: float | None = None) -> None:
        """Waits for its end; None waits as long as that takes."""
        if self.is_launched:
            self._thread.join(seconds)

    @property
    def is_launched(self) -> bool:
        return self._thread.ident is not None

    def is_alive(self) -> bool:
        return self._thread.is_alive()
