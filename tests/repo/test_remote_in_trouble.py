"""A remote that hangs, then refuses our credentials, then is back: jobs fire on time throughout."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from http_git import HttpGit
from support.repository import Repository
from support.servers import Hostile, answer, answering

from chronos_gitops.engine.model import Execution, ExecutionQuery
from chronos_gitops.repo.status import SyncStatus
from chronos_gitops.service import Service, build
from chronos_gitops.settings import Settings

LATEST = timedelta(seconds=0.5)
JOB = """\
name: pulse
schedule: "@every 1s"
enabled: true
webhook:
  url: {url}
"""


def test_jobs_fire_on_time_while_the_remote_hangs_and_while_it_refuses_us(
    repository: Repository, tmp_path: Path
) -> None:
    """About eight seconds of real time: the ticks are those of the clock on the wall."""
    with Hostile(answering(answer())) as receiver:
        repository.write("jobs/pulse.yaml", JOB.format(url=receiver.url()))
        repository.commit()
        server = repository.bare(tmp_path / "server.git")
        with HttpGit(server.root.parent, password="secret") as web:
            url = web.url("server.git", "runner:secret@")
            settings = Settings(repo=url, data=tmp_path / "data", interval=timedelta(seconds=1))
            with build(settings) as service:
                in_trouble(service, web)


def in_trouble(service: Service, web: HttpGit) -> None:
    applied = service.follower.status().revision.applied
    web.held = threading.Event()
    service.follower.nudge()
    fired = pulses(service, 4)
    web.answer, web.expected = (401, ""), "Basic expired"
    web.held.set()
    web.held = None
    status = until(service, lambda status: status.reason is not None)
    assert status.reason == "AuthenticationFailed"
    assert status.revision.applied == applied
    fired += pulses(service, 2)
    assert max(late(execution) for execution in fired) < LATEST
    assert {execution.status.value for execution in fired} == {"success"}
    web.answer, web.expected = None, None
    assert service.follower.sync().state == "synced"


def pulses(service: Service, count: int) -> list[Execution]:
    """The next executions that end, in order."""
    known = {execution.id for execution in ended(service)}
    deadline = time.monotonic() + count + 5
    while len(found := [one for one in ended(service) if one.id not in known]) < count:
        assert time.monotonic() < deadline, service.follower.status()
        threading.Event().wait(0.05)
    return found


def ended(service: Service) -> list[Execution]:
    rows = service.engine.executions(ExecutionQuery(job="pulse", limit=100))
    return [row for row in rows if row.status.is_final]


def late(execution: Execution) -> timedelta:
    assert execution.started_at is not None
    return execution.started_at - execution.scheduled_time


def until(service: Service, holds: Callable[[SyncStatus], bool]) -> SyncStatus:
    deadline = time.monotonic() + 15
    while not holds(service.follower.status()):
        assert time.monotonic() < deadline, service.follower.status()
        threading.Event().wait(0.02)
    return service.follower.status()
