import io
import json
import logging
from collections.abc import Iterator

import pytest

from chronos_gitops.observability import repeated_lines
from chronos_gitops.observability.logging_setup import JsonFormatter
from chronos_gitops.observability.repeated_lines import RepeatedLines


class Log:
    """A handler with the filter, a clock that is turned by hand, and two loggers."""

    def __init__(self) -> None:
        self.now = 0.0
        self._stream = io.StringIO()
        self.handler = logging.StreamHandler(self._stream)
        self.handler.setFormatter(JsonFormatter())
        self.handler.addFilter(RepeatedLines(lambda: self.now))
        self.one, self.other = (logging.getLogger(f"repeated-lines.{name}") for name in ("one", "other"))

    def lines(self) -> list[tuple[str, int]]:
        found = map(json.loads, self._stream.getvalue().splitlines())
        return [(line["msg"], line.get("repeated", 0)) for line in found]


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    parent = logging.getLogger("repeated-lines")
    parent.addHandler(log.handler)
    parent.setLevel(logging.DEBUG)
    parent.propagate = False
    yield log
    parent.removeHandler(log.handler)


def test_a_fault_that_a_loop_meets_each_second_is_a_line_a_minute_with_the_number_of_times(log: Log) -> None:
    for second in range(150):
        log.now = float(second)
        log.one.warning("cannot %s", "apply", extra={"error": "away"})
    assert log.lines() == [("cannot apply", 0), ("cannot apply", 59), ("cannot apply", 59)]


def test_a_defect_is_one_by_its_error(log: Log) -> None:
    for name in ("a", "a", "b", "a"):
        try:
            raise KeyError(name)
        except KeyError:
            log.one.exception("the pass failed")
    assert len(log.lines()) == 2


def test_lines_that_differ_in_a_field_or_come_from_another_module_are_news(log: Log) -> None:
    log.one.warning("failed", extra={"job": "a"})
    log.one.warning("failed", extra={"job": "b"})
    log.other.warning("failed", extra={"job": "a"})
    log.one.error("failed", extra={"job": "a"})
    assert len(log.lines()) == 4


def test_a_fault_that_was_over_is_news_when_it_comes_back(log: Log) -> None:
    for _ in range(2):
        log.one.error("nothing is claimed")
        log.other.info("of another module")
        log.one.error("nothing is claimed")
        log.one.debug("a detail")
        log.one.error("nothing is claimed")
        log.one.info("claimed again")
    said = [text for text, _ in log.lines() if text in ("nothing is claimed", "claimed again")]
    assert said == ["nothing is claimed", "claimed again"] * 2


def test_information_is_never_left_out(log: Log) -> None:
    for _ in range(3):
        log.one.info("reloaded")
    assert log.lines() == [("reloaded", 0)] * 3


def test_lines_that_never_end_are_not_all_remembered(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated_lines, "_LINES", 2)
    for number in (0, 1, 2, 0, 2):
        log.one.warning("number %s", number)
    assert [text for text, _ in log.lines()] == ["number 0", "number 1", "number 2", "number 0"]
