"""Rows to values and back."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from chronos_gitops.engine.milliseconds import instant, maybe_instant, maybe_ms, to_ms
from chronos_gitops.engine.model import Attempt, Execution, HeldBy, Pause, Status, Trigger
from chronos_gitops.engine.requires import gate_document
from chronos_gitops.webhooks.observed import Observed
from chronos_gitops.webhooks.transport.timings import PhaseTimes

_MOST_KNOWN = 20_000
_COMPACT = json.JSONEncoder(separators=(",", ":"))
# Asking the enum takes a microsecond, and a page of the API or of the web asks thousands of times.
_TRIGGERS = {one.value: one for one in Trigger}
_STATUSES = {one.value: one for one in Status} | {"waiting": Status.RUNNING}

Row = Mapping[str, Any]


def stored_status(execution: Execution) -> str:
    """``waiting`` for one whose callback is awaited: releases that know no callbacks leave such a row alone."""
    return "waiting" if execution.waiting_for == "callback" else execution.status.value


def stored_statuses(statuses: Collection[Status]) -> list[str]:
    return [stored for stored, one in _STATUSES.items() if one in statuses]


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
        calendar=None if row["calendar"] is None else HeldBy(**json.loads(row["calendar"])),
        moved_to=maybe_instant(row["moved_to"]),
        moved_from=maybe_instant(row["moved_from"]),
        replay=row["replay"],
        replay_of=row["replay_of"],
        idempotency_key=row["idempotency_key"],
        variables=None if row["variables"] is None else json.loads(row["variables"]),
        requires=None if row["requires"] is None else gate_document.of_document(json.loads(row["requires"])),
        **_draft(row["draft"]),
    )


class KnownExecutions:
    """The executions that were made of rows last, one for each job. The same row is the same object: of a list of jobs
    that is read every few seconds most rows are as they were, and comparing one takes a tenth of making it. From any
    thread."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Row, Execution]] = {}

    def of(self, row: Row) -> Execution:
        job = row["job"]
        known = self._found.get(job)
        if known is not None and known[0] == row:
            return known[1]
        if len(self._found) >= _MOST_KNOWN:
            self._found.clear()
        made = execution(row)
        self._found[job] = row, made
        return made


def _draft(base: str | None) -> dict[str, Any]:
    if base is None:
        return {}
    version, commit = json.loads(base)
    return {"draft": True, "base_version": version, "base_commit": commit}


def draft_base(execution: Execution) -> str | None:
    """The column ``draft``: what the draft is based on; NULL for an execution of a committed version."""
    return json.dumps([execution.base_version, execution.base_commit]) if execution.draft else None


def maybe_held_by(found: HeldBy | None) -> str | None:
    return None if found is None else json.dumps(asdict(found))


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
        observed=None if row["context"] is None else Observed.from_document(json.loads(row["context"])),
    )


def maybe_phases(phases: PhaseTimes | None) -> str | None:
    return None if phases is None else _COMPACT.encode(dict(phases.spent()))


def maybe_observed(observed: Observed | None) -> str | None:
    return None if observed is None else _COMPACT.encode(observed.document())


def pause(row: Row) -> Pause:
    return Pause(
        job=row["job"],
        reason=row["reason"],
        by=row["paused_by"],
        at=instant(row["paused_at"]),
        until=maybe_instant(row["until"]),
        bulk=row["bulk"],
        extends=_nested(row["job"], row["extends"]),
        version=row["version"],
        content=row["content"],
        beside=_nested(row["job"], row["beside"]),
    )


def pause_columns(pause: Pause) -> dict[str, Any]:
    return {
        "reason": pause.reason,
        "paused_by": pause.by,
        "paused_at": to_ms(pause.at),
        "until": maybe_ms(pause.until),
        "bulk": pause.bulk,
        "extends": None if pause.extends is None else json.dumps(pause_columns(pause.extends)),
        "version": pause.version,
        "content": pause.content,
        "beside": None if pause.beside is None else json.dumps(pause_columns(pause.beside)),
    }


def _nested(job: str, columns: str | None) -> Pause | None:
    """An earlier release has written fewer columns."""
    if columns is None:
        return None
    return pause({"job": job, "version": None, "content": None, "beside": None, **json.loads(columns)})
