import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chronos_gitops.engine.model import Execution, Status, Trigger
from chronos_gitops.observability import logging_setup
from chronos_gitops.observability.execution_log import ExecutionLog
from chronos_gitops.webhooks.request import AttemptContext, traceparent

TICK = datetime(2026, 11, 25, 2, tzinfo=UTC)
RUN = Execution(
    "0f3a",
    "daily-backup",
    TICK,
    Trigger.SCHEDULE,
    Status.SUCCESS,
    attempts=2,
    started_at=TICK + timedelta(milliseconds=41),
    completed_at=TICK + timedelta(milliseconds=941),
    duration_ms=900,
    status_code=200,
    version=3,
    commit="1a2b3c4",
)


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    logging_setup.configure("json", "info", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(written: io.StringIO) -> list[str]:
    logging.getLogger().handlers[0].flush()
    return written.getvalue().splitlines()


def test_an_execution_is_one_line_with_stable_names(written: io.StringIO) -> None:
    ExecutionLog().execution_finished(RUN)
    (line,) = lines(written)
    found = json.loads(line)
    assert found.pop("ts").endswith("Z")
    assert traceparent(AttemptContext("0f3a", TICK, 1, None)).split("-")[1] == found["trace_id"]
    assert found == {
        "level": "info",
        "logger": "chronos_gitops.observability.execution_log",
        "msg": "execution finished",
        "event": "execution_finished",
        "job": "daily-backup",
        "execution_id": "0f3a",
        "trigger": "schedule",
        "status": "success",
        "reason": None,
        "attempts": 2,
        "trace_id": found["trace_id"],
        "status_code": 200,
        "error_class": None,
        "duration_ms": 900,
        "lateness_ms": 41,
        "commit": "1a2b3c4",
        "version": 3,
        "draft": False,
        "count": 1,
    }


def test_a_failure_is_a_warning_and_what_the_receiver_said_stays_out(written: io.StringIO) -> None:
    ExecutionLog().execution_finished(
        replace(RUN, status=Status.FAILED, status_code=500, error_class="status", error="token=hunter2\n{}")
    )
    (line,) = lines(written)
    assert "hunter2" not in line
    assert json.loads(line)["level"] == "warning"


def test_what_was_never_sent_has_no_lateness(written: io.StringIO) -> None:
    ExecutionLog().execution_finished(
        Execution("1", "daily-backup", TICK, Trigger.SCHEDULE, Status.SKIPPED, reason="overlap", count=7)
    )
    found = json.loads(lines(written)[0])
    assert (found["lateness_ms"], found["reason"], found["count"]) == (None, "overlap", 7)
