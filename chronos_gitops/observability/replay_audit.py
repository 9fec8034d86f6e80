"""The end of a replay in the audit log: no call makes it, so it stands there by the name of who began the replay."""

import logging
from collections.abc import Callable
from datetime import datetime

from chronos_gitops.engine.operations.replays import ReplayEnd
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.observability.audit_log import AuditAction, AuditLog, AuditResult
from chronos_gitops.plurals import plural
from chronos_gitops.schedule.timestamps import rfc3339

log = logging.getLogger(__name__)


class ReplayAudit:
    """``runner`` is this runner's machine and port."""

    def __init__(
        self,
        audit: AuditLog,
        *,
        jobs: Callable[[], JobSet],
        runner: Callable[[], str],
        now: Callable[[], datetime],
    ) -> None:
        self._audit = audit
        self._jobs = jobs
        self._runner = runner
        self._now = now

    def ended(self, end: ReplayEnd) -> None:
        """Waits for the disk. An entry that cannot be written is a line of the log."""
        running = self._jobs().get(end.job)
        entry = {
            "at": rfc3339(self._now(), milliseconds=True),
            "action": AuditAction.REPLAY_END.value,
            "job": end.job,
            "path": None if running is None else running.path,
            "by": end.by,
            "via": None,
            "address": None,
            "runner": self._runner(),
            "result": AuditResult.DONE.value,
            "status": None,
            "target": f"{end.id}: {words(end)}",
            "reason": None,
            "detail": None,
            "commit": None,
            "review": None,
            "execution": None,
            "replay": end.id,
            "request_id": None,
            "count": 1,
        }
        try:
            self._audit.append(entry)
        except OSError as error:
            log.error("audit_failed", extra={"action": entry["action"], "error": str(error)})


def words(end: ReplayEnd) -> str:
    """``done, 3 items started`` or ``cancelled, 1 of 3 items started``."""
    count = plural(end.total, "item") if end.begun == end.total else f"{end.begun} of {plural(end.total, 'item')}"
    return f"{end.state.value}, {count} started"
