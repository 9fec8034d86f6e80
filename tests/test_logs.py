"""One event, one line; JSON for programs, plain for people."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from chronos_gitops import logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_json_lines_hold_the_message_the_fields_and_a_utc_time() -> None:
    stream = io.StringIO()
    logs.configure("auto", "info", stream)
    logging.getLogger("chronos_gitops.x").info("reloaded %s", "jobs", extra={"job": "a", "commit": "1a2b"})
    line = json.loads(stream.getvalue())
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "chronos_gitops.x",
        "message": "reloaded jobs",
        "job": "a",
        "commit": "1a2b",
    }


def test_a_terminal_gets_plain_lines() -> None:
    stream = Terminal()
    logs.configure("auto", "info", stream)
    logging.getLogger("chronos_gitops.x").warning("held back", extra={"jobs": 7})
    assert stream.getvalue()[9:] == "WARNING held back jobs=7\n"


def test_an_exception_keeps_its_traceback_in_one_json_line() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    try:
        raise ZeroDivisionError("x")
    except ZeroDivisionError:
        logging.getLogger("chronos_gitops.x").exception("loop failed")
    assert stream.getvalue().count("\n") == 1
    assert "ZeroDivisionError: x" in json.loads(stream.getvalue())["traceback"]


def test_libraries_that_chatter_are_quiet_and_debug_is_off() -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    logging.getLogger("httpx").info("HTTP Request")
    logging.getLogger("chronos_gitops.x").debug("detail")
    assert stream.getvalue() == ""
