"""An engine in a process of its own that is made to be killed; what it acknowledges goes through a pipe."""

import contextlib
import threading
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

from chronos_gitops.engine.clock import SystemClock
from chronos_gitops.engine.model import Execution
from chronos_gitops.engine.operations.replays import ReplayEnd
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.engine.sql.store.sqlite import SqliteStore
from chronos_gitops.errors import ChronosError
from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.process import failpoints
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.outcome import Outcome
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy, Level

EVERY_SECOND = "* * * * * *"


class Teller:
    """Sends (kind, execution id, status) for everything that the engine has said is on disk."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def tell(self, kind: str, execution: Execution) -> None:
        with self._lock:
            self._pipe.send((kind, execution.id, execution.status.value))

    def attempt_finished(self, job: Job, outcome: Outcome) -> None:
        pass

    def execution_finished(self, execution: Execution) -> None:
        self.tell("ended", execution)

    def replay_ended(self, ended: ReplayEnd) -> None:
        pass


def jobs(url: str) -> JobSet:
    """All due each second: one overlaps itself, one forbids that and is slow, one catches up its latest tick."""

    def define(name: str, path: str, **fields: Any) -> JobVersion:
        document = {"schedule": EVERY_SECOND, "enabled": True, "webhook": {"url": url + path}, **fields}
        return JobVersion(Job.from_document({"name": name, **document}), f"jobs/{name}.yaml", DefinitionId("b" * 40))

    return JobSet.of(
        "c" * 40,
        [
            define("every-second", "/ok", concurrency="allow", missed_run_policy="execute_all"),
            define("slow-one", "/slow/0.3", missed_run_policy="execute_all"),
            define("latest-only", "/ok", concurrency="replace"),
        ],
    )


def engine_on(ledger: Path, observer: Any) -> SqlEngine:
    egress = EgressPolicy(level=Level.INTERNAL, loopback_allowed=True)
    return SqlEngine(
        lambda: SqliteStore(ledger),
        delivery=lambda: Delivery(secrets=Secrets({}), egress=egress, user_agent="chronos-gitops/test"),
        clock=SystemClock(),
        observer=observer,
        random=Random(7),
    )


def live(ledger: Path, url: str, failpoint: str, by_hand: bool, drain_at: float | None, pipe: Connection) -> None:
    """Runs, and with ``by_hand`` triggers all the time, until it is killed; or drains after that many seconds."""
    failpoints.arm(failpoint)
    teller = Teller(pipe)
    engine = engine_on(ledger, teller)
    engine.start()
    engine.apply(jobs(url))
    started = datetime.now().astimezone()
    while drain_at is None or (datetime.now().astimezone() - started).total_seconds() < drain_at:
        with contextlib.suppress(ChronosError):
            if by_hand:
                teller.tell("triggered", engine.trigger("every-second"))
        sleep(0.02)
    engine.stop(0.1)
