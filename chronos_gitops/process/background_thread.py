"""A thread of the notifier: woken, stopped and waited for, each the same way."""

import threading


class BackgroundThread:
    """``run`` ends soon after ``stopping`` is set; it may sleep on ``woken``, which it clears itself."""

    def __init__(self, name: str) -> None:
        self.stopping = threading.Event()
        self.woken = threading.Event()
        self._thread = threading.Thread(target=self.run, name=name, daemon=True)

    def run(self) -> None:
        raise NotImplementedError

    def launch(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something new."""
        self.woken.set()

    def stop(self) -> None:
        """What is under way may end for a moment; returns at once."""
        self.stopping.set()
        self.woken.set()

    def join(self, seconds: float) -> None:
        if self._thread.ident is not None:
            self._thread.join(seconds)
