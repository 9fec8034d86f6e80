"""Rows to values and back; instants are whole milliseconds in the database, aware UTC datetimes outside."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from chronos_gitops.engine.model import Attempt, Execution, Pause, Status, Trigger
from chronos_gitops.webhooks.transport.timings import PhaseTimes

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# Asking the enum takes a microsecond, and a page of the API or of the web asks thousands of times.
_TRIGGERS = {one.value: one for one in Trigger}
_STATUSES = {one.value: one for one in Status} | {"waiting": Status.RUNNING}

Row = Mapping[str, Any]


def to_ms(instant: datetime) -> int:
    return (instant - _EPOCH) // _MILLISECOND


def whole(instant: datetime) -> datetime:
    """What the ledger keeps of it: whole milliseconds."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def maybe_ms(instant: datetime | None) -> int | None:
    return None if instant is None else to_ms(instant)


def instant(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def maybe_instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else instant(milliseconds)


def stored_status(execution: Execution) -> str:
    """``waiting`` for one whose callback is awaited: releases that know no callbacks leave such a row alone."""
    return "waiting" if execution.waiting_for else execution.status.value


def stored_statuses(status: Status) -> list[str]:
    return [stored for stored, one in _STATUSES.items() if one is status]


def execution(row: Row) -> Execution:
    started, completed = row["started_at"], row["completed_at"]
    return Execution(
        id=row["id"],
        job=row["job"],
        scheduled_time=instant(row["scheduled_at"]),
        trigger=_TRIGGERS[row["trigger_kind"]],
        status=_STATUSES[row["status"]],
        reason=row["reason"],
        attempts=row["attempts"],
        created_at=instant(row["created_at"]),
        started_at=maybe_instant(started),
        completed_at=maybe_instant(completed),
        duration_ms=None if started is None or completed is None else max(0, completed - started),
        status_code=row["status_code"],
        error_class=row["error_class"],
        error=row["error"],
        version=row["version"],
        commit=row["commit_id"],
        path=row["path"],
        count=row["ticks"],
        range_start=maybe_instant(row["range_start"]),
        callback_deadline=maybe_instant(row["callback_deadline"]),
        heartbeat_at=maybe_instant(row["heartbeat_at"]),
        message=row["message"],
        is_called_back=bool(row["called_back"]),
    )


def attempt(row: Row) -> Attempt:
    return Attempt(
        number=row["number"],
        started_at=instant(row["started_at"]),
        duration_ms=row["duration_ms"],
        status_code=row["status_code"],
        error_class=row["error_class"],
        error=row["error"],
        response=row["response"],
        phases=None if row["phases"] is None else PhaseTimes(**json.loads(row["phases"])),
    )


def maybe_phases(phases: PhaseTimes | None) -> str | None:
    return None if phases is None else json.dumps(asdict(phases))


def pause(row: Row) -> Pause:
    return Pause(
        job=row["job"],
        reason=row["reason"],
        by=row["paused_by"],
        at=instant(row["paused_at"]),
        until=maybe_instant(row["until"]),
    )
