"""A remote that hangs, then refuses our credentials, then is back: jobs fire on time throughout."""

import shutil
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from harness.programs.git_http_server import HttpGit
from harness.repositories.repository import Repository
from harness.servers import Hostile, answer, answering

from chronos_gitops.app import build
from chronos_gitops.config.settings import Settings
from chronos_gitops.engine.model import Execution, ExecutionQuery
from chronos_gitops.service import Service
from chronos_gitops.sync.status import SyncStatus

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
    service.follower.request_sync()
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


Trouble = Callable[[Repository], None]


def remove_the_folder(repository: Repository) -> None:
    shutil.rmtree(repository.root / "jobs")
    repository.write("README.md", "no jobs here")
    repository.commit("Remove the folder")
    repository.push()


def empty_the_tree(repository: Repository) -> None:
    shutil.rmtree(repository.root / "jobs")
    repository.write("jobs/.gitkeep", "")
    repository.commit("Empty the tree")
    repository.push()


def delete_most_jobs(repository: Repository) -> None:
    for number in range(5):
        repository.remove(f"jobs/quiet-{number}.yaml")
    repository.commit("Delete five of eight jobs")
    repository.push()


def delete_the_branch(repository: Repository) -> None:
    repository.git("push", "--quiet", "origin", "--delete", "main")


def push_by_force(repository: Repository) -> None:
    repository.git("commit", "--quiet", "--amend", "--message", "Another history")
    repository.git("push", "--quiet", "--force", "origin", "main")


def swap_the_parents(repository: Repository) -> None:
    """A foxtrot: the old tip is the second parent of the new one, and has left the first-parent chain."""
    repository.git("switch", "--quiet", "--create", "side", "main~1")
    repository.write("aside.txt", "a side branch")
    repository.commit("On the side")
    repository.git("merge", "--quiet", "--no-edit", "main")
    repository.git("push", "--quiet", "origin", "HEAD:main")
    repository.git("switch", "--quiet", "--force-create", "main")


TROUBLES: dict[str, Trouble] = {
    "PathMissing": remove_the_folder,
    "EmptyTree": empty_the_tree,
    "UnsafePlan": delete_most_jobs,
    "BranchNotFound": delete_the_branch,
    "HistoryRewritten": push_by_force,
    "HistoryRewritten ": swap_the_parents,
}


def test_whatever_happens_to_the_branch_every_job_stays_and_fires_on_time(
    repository: Repository, tmp_path: Path
) -> None:
    """About ten seconds of real time: two pulses for each trouble, then the branch is put back."""
    with Hostile(answering(answer())) as receiver:
        repository.write("jobs/pulse.yaml", JOB.format(url=receiver.url()))
        for number in range(5):
            repository.write_job(f"quiet-{number}")
        repository.commit("The first state")
        repository.write("notes.txt", "another commit")
        good = repository.commit("The good state")
        server = repository.bare(tmp_path / "server.git")
        server.git("config", "receive.denyDeleteCurrent", "ignore")
        settings = Settings(repo=str(server.root), data=tmp_path / "data", interval=timedelta(hours=1))
        with build(settings) as service:
            for reason, trouble in TROUBLES.items():
                trouble(repository)
                assert service.follower.sync().reason == reason.strip()
                assert len(service.jobs()) == 8
                assert max(late(execution) for execution in pulses(service, 2)) < LATEST
                repository.git("switch", "--quiet", "--force-create", "main", good)
                repository.git("push", "--quiet", "--force", "origin", "main")
                service.follower.sync()
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
