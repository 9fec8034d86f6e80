"""Requests to a git server per minute, in each state of the server, by a clock turned by hand."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from harness.machine.timer import HandTimer
from harness.programs.git_http_server import HttpGit
from harness.programs.ssh_git import SshGit, make_key
from harness.repositories.repo_fixtures import NOW, Follow, Following
from harness.repositories.repository import Repository

from chronos_gitops.config.groups import GitAccess
from chronos_gitops.git.remote.credentials import GitCredentials

MINUTE = timedelta(minutes=1)


@pytest.fixture
def timer() -> HandTimer:
    return HandTimer()


@pytest.fixture
def web(bare: Repository) -> Iterator[HttpGit]:
    with HttpGit(bare.root.parent) as server:
        yield server


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("old")
    return path


STATES: dict[str, tuple[int | None, dict[str, str], int, int]] = {
    # status, fields, attempts in the first minute and in the first five: the first one is that of the start
    "fine": (None, {}, 2, 6),
    "502": (502, {}, 5, 7),
    "429 with Retry-After": (429, {"Retry-After": "240"}, 1, 2),
    "429 with a date": (429, {"Retry-After": "Thu, 01 Jan 2099 00:00:00 GMT"}, 1, 1),
    "429 without": (429, {}, 5, 7),
    "503 with Retry-After": (503, {"Retry-After": "240"}, 1, 2),
    "401": (401, {"WWW-Authenticate": 'Basic realm="git"'}, 1, 1),
    "403": (403, {}, 1, 1),
    "301": (301, {"Location": "/elsewhere.git"}, 1, 1),
    "a login page": (200, {"Content-Type": "text/html"}, 1, 1),
}


@pytest.mark.parametrize("state", STATES)
def test_a_server_is_asked_as_often_as_it_can_bear(web: HttpGit, follow: Follow, timer: HandTimer, state: str) -> None:
    status, fields, in_a_minute, in_five = STATES[state]
    if status is not None:
        web.answer, web.fields = (status, ""), fields
    attempts = counted(lambda: follow(web.url("server.git"), branch="main", interval=MINUTE, timer=timer), web)
    for seconds, most in ((60, in_a_minute), (239, in_five)):
        timer.turn(seconds)
        assert 1 <= attempts() <= most, state


def counted(start: Callable[[], Following], web: HttpGit) -> Callable[[], int]:
    """Requests to the server since the start, in requests of one command: the first one came alone."""
    start()
    first = web.asked
    return lambda: -(-web.asked // max(1, first)) if web.answer else 1 + (web.asked - first)


def test_the_time_of_the_next_attempt_is_kept(web: HttpGit, follow: Follow, timer: HandTimer) -> None:
    web.answer, web.fields = (429, ""), {"Retry-After": "100"}
    following = follow(web.url("server.git"), branch="main", interval=MINUTE, timer=timer)
    planned = following.follower.status().next_attempt_at
    assert planned is not None
    wait = (planned - NOW).total_seconds()
    assert 100 <= wait <= 120
    timer.turn(int(wait))
    assert web.asked == 1
    web.answer = None
    timer.turn(2)
    assert following.names == ["one", "two"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_rejected_password_is_tried_again_once_its_file_changes(
    web: HttpGit, follow: Follow, timer: HandTimer, password_file: Path, status: int
) -> None:
    web.answer = (status, "")
    access = GitCredentials(GitAccess(password_file=password_file))
    following = follow(web.url("server.git"), branch="main", interval=MINUTE, timer=timer, access=access)
    rejected = web.asked
    timer.turn(60)
    assert web.asked == rejected
    web.answer = None
    password_file.write_text("new password")
    timer.turn(3)
    assert following.names == ["one", "two"]


def test_a_rejected_password_is_tried_again_by_hand_and_not_by_a_push_webhook(
    web: HttpGit, follow: Follow, timer: HandTimer
) -> None:
    web.answer = (401, "")
    following = follow(web.url("server.git"), branch="main", interval=MINUTE, timer=timer)
    rejected = web.asked
    following.follower.request_sync()
    timer.turn(60)
    assert web.asked == rejected
    web.answer = None
    assert following.follower.sync().state == "synced"


def test_a_push_webhook_waits_until_the_server_takes_requests_again(
    web: HttpGit, follow: Follow, timer: HandTimer
) -> None:
    web.answer, web.fields = (429, ""), {"Retry-After": "50"}
    following = follow(web.url("server.git"), branch="main", interval=timedelta(hours=1), timer=timer)
    web.answer = None
    following.follower.request_sync()
    timer.turn(49)
    assert web.asked == 1
    timer.turn(2)
    assert following.names == ["one", "two"]


def test_a_changed_host_key_is_tried_again_once_known_hosts_changes(
    bare: Repository, follow: Follow, timer: HandTimer, tmp_path: Path
) -> None:
    with SshGit(tmp_path / "ssh") as server:
        server.trust(make_key(tmp_path / "another"))
        given = GitAccess(ssh_key_file=server.client_key, known_hosts_file=server.known_hosts)
        following = follow(
            server.url(bare.root), branch="main", interval=MINUTE, timer=timer, access=GitCredentials(given)
        )
        assert following.follower.status().reason == "HostKeyMismatch"
        timer.turn(240)
        assert server.connections == 1
        server.trust()
        timer.turn(3)
        assert following.names == ["one", "two"]


def test_no_thread_watches_what_has_no_folders(web: HttpGit, follow: Follow) -> None:
    """Five seconds of real time: a watcher without folders had asked once a second."""
    follow(web.url("server.git"), branch="main", interval=MINUTE)
    before = len(web.seen)
    time.sleep(5)
    assert len(web.seen) == before


def test_a_folder_that_comes_back_is_noticed(repository: Repository, tmp_path: Path, follow: Follow) -> None:
    server = repository.bare(tmp_path / "server.git")
    following = follow(server.root, interval=timedelta(hours=1))
    away = server.root.rename(tmp_path / "away.git")
    assert following.follower.sync().state == "failed"
    repository.write_job("three")
    repository.commit()
    repository.git("push", "--quiet", str(away), "main")
    away.rename(server.root)
    following.wait(lambda jobs: "three" in jobs.definitions)
