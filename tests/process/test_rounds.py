"""The thread of incidents, expectations and preflights: no fault ends its rounds, and one that lasts is one line."""

import logging
import threading

import pytest

from chronos_gitops.errors import ChronosError
from chronos_gitops.process.rounds import RoundThread

log = logging.getLogger("rounds")


class Scripted(RoundThread):
    """Each round does what comes next: raises it, or ends. Stops at the end of the script."""

    def __init__(self, *script: Exception | None) -> None:
        super().__init__("rounds", log=log, trouble="cannot", failure="broke", rest_s=0.0)
        self._script = list(script)
        self.ended = threading.Event()

    def round(self) -> None:
        if not self._script:
            self.stop()
            self.ended.set()
            return
        step = self._script.pop(0)
        if step is not None:
            raise step


def lines(thread: Scripted, caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    thread.launch()
    assert thread.ended.wait(10)
    thread.join(10)
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_a_fault_that_lasts_is_one_line_and_comes_back_as_news(caplog: pytest.LogCaptureFixture) -> None:
    away = ChronosError("the database is away")
    assert lines(Scripted(away, away, None, away), caplog) == [("WARNING", "cannot")] * 2
    assert {record.__dict__["error"] for record in caplog.records} == {"the database is away"}


def test_a_bug_is_logged_each_time_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    found = lines(Scripted(KeyError("x"), KeyError("x"), None), caplog)
    assert found == [("ERROR", "broke"), ("WARNING", "cannot"), ("ERROR", "broke")]
    assert caplog.records[0].exc_info is not None
