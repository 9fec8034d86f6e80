"""One event, one line; JSON for programs, plain for people."""

import io
import json
import logging
import os
import time
from collections.abc import Iterator

import pytest

from chronos_gitops.observability import logging_setup


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def written(stream: io.StringIO) -> str:
    logging.getLogger().handlers[0].flush()
    return stream.getvalue()


def test_json_lines_hold_the_message_the_fields_and_a_utc_time() -> None:
    stream = io.StringIO()
    logging_setup.configure("auto", "info", stream)
    logging.getLogger("chronos_gitops.x").info("reloaded %s", "jobs", extra={"job": "a", "commit": "1a2b"})
    line = json.loads(written(stream))
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "chronos_gitops.x",
        "event": "reloaded",
        "msg": "reloaded jobs",
        "job": "a",
        "commit": "1a2b",
    }


def test_a_terminal_gets_plain_lines() -> None:
    stream = Terminal()
    logging_setup.configure("auto", "info", stream)
    logging.getLogger("chronos_gitops.x").warning("held back", extra={"jobs": 7})
    assert written(stream)[9:] == "WARNING held back jobs=7\n"


def test_an_exception_keeps_its_traceback_in_one_json_line() -> None:
    stream = io.StringIO()
    logging_setup.configure("json", "info", stream)
    try:
        raise ZeroDivisionError("x")
    except ZeroDivisionError:
        logging.getLogger("chronos_gitops.x").exception("loop failed")
    assert written(stream).count("\n") == 1
    assert "ZeroDivisionError: x" in json.loads(written(stream))["traceback"]


def test_libraries_that_chatter_are_quiet_and_debug_is_off() -> None:
    stream = io.StringIO()
    logging_setup.configure("json", "info", stream)
    logging.getLogger("httpx").info("HTTP Request")
    logging.getLogger("chronos_gitops.x").debug("detail")
    assert written(stream) == ""


def test_who_logs_never_waits_for_who_reads_and_is_told_what_is_missing() -> None:
    reads, writes = os.pipe()
    with os.fdopen(reads) as reader, os.fdopen(writes, "w") as stream:
        handler = logging_setup.Lines(stream, logging_setup.JsonFormatter(), waiting=10)
        logger = logging.Logger("chronos_gitops.x")
        logger.addHandler(handler)
        began = time.monotonic()
        for number in range(200):
            logger.warning("much to tell", extra={"number": number, "text": "x" * 4096})
        assert time.monotonic() - began < 5
        assert handler.dropped > 100
        told, lines = 0, 0
        while told + lines < 200:
            found = json.loads(reader.readline())
            told += found.get("count", 0)
            lines += found["event"] != "log_lines_dropped"
        assert told == handler.dropped
        logger.warning("goes on")
        assert json.loads(reader.readline())["msg"] == "goes on"
        handler.close()


def test_the_end_waits_for_lines_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging_setup, "_PATIENCE", 0.2)
    reads, writes = os.pipe()
    with os.fdopen(reads) as reader, os.fdopen(writes, "w") as stream:
        handler = logging_setup.Lines(stream, logging_setup.PlainFormatter())
        for _ in range(50):
            handler.handle(logging.makeLogRecord({"msg": "x" * 4096}))
        began = time.monotonic()
        handler.close()
        assert 0.2 <= time.monotonic() - began < 5
        while "x" in reader.readline() and handler._thread.is_alive():
            handler._thread.join(0.01)


def test_a_stream_that_nobody_holds_any_more_ends_nothing() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as stream:
        handler = logging_setup.Lines(stream, logging_setup.PlainFormatter())
        handler.handle(logging.makeLogRecord({"msg": "into the void"}))
        handler.close()
