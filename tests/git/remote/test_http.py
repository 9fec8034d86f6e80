"""A repository behind a URL: HTTP with a password, and what servers say no with."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.programs.git_http_server import HttpGit
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository

from chronos_gitops.git.commit import Person
from chronos_gitops.git.errors import NetworkError
from chronos_gitops.rollback.publish import PushRefused
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest
from chronos_gitops.sync.status import SyncState

NIGHTLY = "30 3 * * *"
PASSWORD = "canary%40sesame"


@pytest.fixture
def web(bare: Repository) -> Iterator[HttpGit]:
    bare.git("config", "http.receivepack", "true")
    with HttpGit(bare.root.parent, password="canary@sesame") as server:
        yield server


def test_a_url_with_a_password_is_followed_and_rolled_back_by_a_push(
    repository: Repository, bare: Repository, web: HttpGit, follow: Follow
) -> None:
    following = follow(web.url("server.git", f"runner:{PASSWORD}@"))
    assert following.names == ["one", "two"]
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit()
    repository.push()
    following.follower.sync()
    assert following.schedule("one") == NIGHTLY
    asked = RollbackRequest("one", "1", "", Person("Alice", "a@example.com"), "id-1")
    result = Reverter(following.follower).perform(asked)
    assert (result.version, result.commit) == (3, bare.head("refs/heads/main"))
    assert following.schedule("one") == "0 2 * * *"


def test_the_password_is_in_no_file_no_status_and_no_command_line(
    repository: Repository, web: HttpGit, follow: Follow, data_folder: Path
) -> None:
    following = follow(web.url("server.git", f"runner:{PASSWORD}@"))
    assert following.follower.status().repository == web.url("server.git")
    git = following.follower.source.git
    said = git.run("config", "--list").decode() + repr(following.follower.source) + repr(git)
    assert "Authorization" in said  # it is in the environment of the commands
    assert b"git-upload-pack" in web.commands or b"remote-http" in web.commands
    assert b"sesame" not in web.commands
    assert web.expected is not None
    assert web.expected.split()[1].encode() not in web.commands
    for file in data_folder.rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        assert b"sesame" not in content, file
        assert web.expected.split()[1].encode() not in content, file


@pytest.mark.parametrize("user_info", ["", "runner:wrong@"])
def test_refused_credentials_are_named_and_never_asked_for(web: HttpGit, follow: Follow, user_info: str) -> None:
    status = follow(web.url("server.git", user_info)).follower.status()
    assert (status.state, status.reason, status.jobs) == (SyncState.FAILED, "AuthenticationFailed", 0)
    assert "wrong" not in status.message


def test_a_push_that_may_not_write_says_so(
    repository: Repository, bare: Repository, web: HttpGit, follow: Follow
) -> None:
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit()
    repository.push()
    bare.git("config", "http.receivepack", "false")
    following = follow(web.url("server.git", f"runner:{PASSWORD}@"))
    with pytest.raises(PushRefused, match="may read the repository, not write to it"):
        Reverter(following.follower).perform(RollbackRequest("one", "1", "", Person("A", "a@example.com"), ""))


def test_a_redirect_is_not_followed(web: HttpGit, follow: Follow) -> None:
    url = web.url("server.git", f"runner:{PASSWORD}@")
    web.answer = (302, web.url("elsewhere.git/info/refs?service=git-upload-pack"))
    assert follow(url).follower.status().state is SyncState.FAILED
    assert len(web.seen) == 1


def test_a_server_error_keeps_what_runs(web: HttpGit, follow: Follow) -> None:
    following = follow(web.url("server.git", f"runner:{PASSWORD}@"))
    web.answer = (503, "")
    status = following.follower.sync()
    assert (status.state, status.reason, following.names) == (SyncState.FAILED, NetworkError.kind, ["one", "two"])
    web.answer = None
    assert following.follower.sync().state is SyncState.SYNCED


def test_a_port_where_nobody_listens_is_a_network_error(follow: Follow, web: HttpGit) -> None:
    following = follow(web.url("server.git", f"runner:{PASSWORD}@"))
    web.shutdown()
    web.socket.close()
    assert following.follower.sync().reason == "NetworkError"


def test_git_uses_the_proxy_of_the_environment(
    bare: Repository, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host has no address: only the proxy can answer for it."""
    for variable in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with HttpGit(bare.root.parent) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url(""))
        following = follow("http://git.example.invalid/server.git")
        assert following.names == ["one", "two"]
        assert proxy.asked >= 1
