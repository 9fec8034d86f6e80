"""Threads of the program are started, stopped and waited for in one way."""

import threading
from pathlib import Path

from chronos_gitops.process.background_thread import BackgroundThread

PACKAGE = Path(__file__).parents[2] / "chronos_gitops"
_FOR_ONE_CALL = {"server/api/budgets.py", "webhooks/transport/dns.py", "cli/demo/receiver.py"}
"""Threads that answer one question and end, and the demo's own server."""


def test_no_other_module_makes_threads_that_stay() -> None:
    makers = {
        str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if "threading.Thread(" in path.read_text()
    }
    assert makers - _FOR_ONE_CALL == {"process/background_thread.py"}


def test_stop_and_join_are_harmless_before_the_launch() -> None:
    thread = BackgroundThread("idle", lambda: None)
    thread.wake()
    thread.stop()
    thread.join(0)
    thread.join()
    assert not thread.is_launched
    assert not thread.is_alive()


def test_a_thread_runs_until_it_is_stopped() -> None:
    woken = threading.Event()

    class Worker(BackgroundThread):
        def run(self) -> None:
            while not self.stopping.is_set():
                self.woken.wait()
                self.woken.clear()
                woken.set()

    worker = Worker("worker")
    worker.launch()
    worker.wake()
    assert woken.wait(10)
    assert worker.is_alive()
    worker.stop()
    worker.join(10)
    assert worker.is_launched
    assert not worker.is_alive()
