"""Credentials of the git server: read at each attempt, sent to its host only, on no command line and in no file."""

import base64
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.programs.git_http_server import HttpGit
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository

from chronos_gitops.config.groups import GitAccess
from chronos_gitops.git.commit import Person
from chronos_gitops.git.errors import AuthenticationFailed
from chronos_gitops.git.remote.credentials import GitCredentials
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest
from chronos_gitops.sync.status import SyncState

HEADER = "http.https://git.example.com/.extraHeader"


@pytest.fixture
def web(bare: Repository) -> Iterator[HttpGit]:
    bare.git("config", "http.receivepack", "true")
    with HttpGit(bare.root.parent, password="first") as server:
        yield server


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "git-password"
    path.write_text("first\n")
    return path


def test_a_rotated_password_is_taken_at_the_next_attempt(web: HttpGit, follow: Follow, password_file: Path) -> None:
    following = follow(web.url("server.git"), access=GitCredentials(GitAccess("runner", password_file=password_file)))
    assert following.names == ["one", "two"]
    expire(web, "second")
    status = following.follower.sync()
    assert (status.state, status.reason, following.names) == (SyncState.FAILED, "AuthenticationFailed", ["one", "two"])
    password_file.write_text("second")
    assert following.follower.sync().state is SyncState.SYNCED


def test_a_push_shows_the_password_too(
    repository: Repository, bare: Repository, web: HttpGit, follow: Follow, password_file: Path
) -> None:
    repository.write_job("one", schedule="30 3 * * *")
    repository.commit()
    repository.push()
    following = follow(web.url("server.git"), access=GitCredentials(GitAccess("runner", password_file=password_file)))
    asked = RollbackRequest("one", "1", "", Person("Alice", "a@example.com"), "id-1")
    assert Reverter(following.follower).perform(asked).commit == bare.head("refs/heads/main")


def test_the_password_is_on_no_command_line_and_in_no_file_of_the_runner(
    web: HttpGit, follow: Follow, password_file: Path, data_folder: Path
) -> None:
    following = follow(web.url("server.git"), access=GitCredentials(GitAccess("runner", password_file=password_file)))
    assert web.expected is not None
    encoded = web.expected.split()[1].encode()
    assert encoded not in web.commands
    assert all(encoded not in path.read_bytes() for path in data_folder.rglob("*") if path.is_file())
    assert encoded.decode() not in repr(following.follower.source) + repr(following.follower.status())


def test_it_wins_over_the_user_info_of_the_url(web: HttpGit, follow: Follow, password_file: Path) -> None:
    following = follow(
        web.url("server.git", "runner:old@"), access=GitCredentials(GitAccess("runner", password_file=password_file))
    )
    assert following.follower.status().state is SyncState.SYNCED


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), ("", "holds no password"), ("\n", "no password")]
)
def test_a_file_without_a_password_is_named_and_keeps_what_runs(
    content: str | None, said: str, web: HttpGit, follow: Follow, password_file: Path
) -> None:
    following = follow(web.url("server.git"), access=GitCredentials(GitAccess("runner", password_file=password_file)))
    password_file.unlink()
    if content is not None:
        password_file.write_text(content)
    status = following.follower.sync()
    assert (status.reason, following.names) == ("AuthenticationFailed", ["one", "two"])
    assert said in (status.message or "")
    assert following.follower.read(following.follower.jobs().definitions["one"].identity.blob)


def test_a_token_needs_no_user_name_and_goes_to_its_own_host_only() -> None:
    found = GitCredentials(GitAccess(password="t0ken")).config("https://git.example.com/jobs.git")
    assert found == ((HEADER, ""), (HEADER, "Authorization: Basic Z2l0OnQwa2Vu"))
    assert "t0ken" not in repr(GitCredentials(GitAccess(password="t0ken")))


@pytest.mark.parametrize(
    "location", ["/srv/jobs.git", "git@host:jobs.git", "ssh://host/jobs.git", "git://host/jobs.git"]
)
def test_a_password_is_for_http_only(location: str) -> None:
    assert GitCredentials(GitAccess(password="t0ken")).config(location) == ()


def test_a_line_break_in_a_password_cannot_become_a_second_header(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("one\r\nX-Injected: yes")
    with pytest.raises(AuthenticationFailed, match="holds no password"):
        GitCredentials(GitAccess(password_file=path)).config("https://git.example.com/jobs.git")


def test_ssh_is_given_the_key_and_strict_host_keys(
    follow: Follow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program named ssh stands first on PATH and notes how it was called."""
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/called\nexit 255\n')
    ssh.chmod(ssh.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{ssh.parent}{os.pathsep}{os.environ['PATH']}")
    key, hosts = tmp_path / "the key", tmp_path / "known hosts"
    status = follow(
        "git@git.invalid:jobs.git", access=GitCredentials(GitAccess(ssh_key_file=key, known_hosts_file=hosts))
    ).follower.status()
    assert status.state is SyncState.FAILED
    called = (tmp_path / "called").read_text().splitlines()
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes"} <= set(called)
    assert called[called.index("-i") + 1] == str(key)
    assert f'UserKnownHostsFile="{hosts}"' in called


def expire(web: HttpGit, password: str) -> None:
    web.expected = "Basic " + base64.b64encode(f"runner:{password}".encode()).decode()
