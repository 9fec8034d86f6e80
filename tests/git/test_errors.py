"""Faults of a remote, by real servers: a typed reason, a true sentence, and no promise that time heals it."""

import contextlib
import socket
import stat
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from harness.programs.git_http_server import HttpGit
from harness.programs.nginx import Nginx
from harness.programs.ssh_git import SshGit, make_key
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository
from harness.servers import Certificates

from chronos_gitops.config.groups import GitAccess
from chronos_gitops.git.commit import Person
from chronos_gitops.git.errors import failure
from chronos_gitops.git.remote.credentials import GitCredentials
from chronos_gitops.rollback.publish import PushRefused
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest

BANNER = (
    "*" * 70
    + "\n"
    + "* Authorized users only. Access denied to all others. Connection refused, repository not found.\n" * 8
    + "*" * 70
    + "\n"
)


@dataclass
class Case:
    """The settings of the runner, the reason it gives, and the text it must contain."""

    reason: str
    says: str
    prepare: Callable[[SshGit, Path], GitAccess]


def plain(server: SshGit, _: Path) -> GitAccess:
    return GitAccess(ssh_key_file=server.client_key, known_hosts_file=server.known_hosts)


def changed_host_key(server: SshGit, folder: Path) -> GitAccess:
    server.trust(make_key(folder / "another"))
    return plain(server, folder)


def unknown_host(server: SshGit, folder: Path) -> GitAccess:
    server.known_hosts.write_text("")
    return plain(server, folder)


def readable_key(server: SshGit, folder: Path) -> GitAccess:
    server.client_key.chmod(0o644)
    return plain(server, folder)


def key_with_passphrase(server: SshGit, folder: Path) -> GitAccess:
    key = make_key(folder / "locked", passphrase="sesame")
    return GitAccess(ssh_key_file=key, known_hosts_file=server.known_hosts)


def missing_key(server: SshGit, folder: Path) -> GitAccess:
    return GitAccess(ssh_key_file=folder / "nowhere", known_hosts_file=server.known_hosts)


def key_of_garbage(server: SshGit, folder: Path) -> GitAccess:
    (folder / "garbage").write_text("garbage")
    (folder / "garbage").chmod(stat.S_IRUSR)
    return GitAccess(ssh_key_file=folder / "garbage", known_hosts_file=server.known_hosts)


def unknown_key(server: SshGit, folder: Path) -> GitAccess:
    return GitAccess(ssh_key_file=make_key(folder / "stranger"), known_hosts_file=server.known_hosts)


SSH_CASES: dict[str, Case] = {
    "changed host key": Case("HostKeyMismatch", "has changed", changed_host_key),
    "unknown host key": Case("HostKeyMismatch", "No ED25519 host key is known", unknown_host),
    "key with mode 0644": Case("AuthenticationFailed", "has mode 0644", readable_key),
    "key with a passphrase": Case("AuthenticationFailed", "has a passphrase", key_with_passphrase),
    "missing key": Case("AuthenticationFailed", "No such file", missing_key),
    "key of garbage": Case("AuthenticationFailed", "holds no private key", key_of_garbage),
    "unknown key": Case("AuthenticationFailed", "Permission denied", unknown_key),
}


@pytest.mark.parametrize("banner", ["", BANNER], ids=["silent", "banner"])
@pytest.mark.parametrize("name", SSH_CASES)
def test_a_fault_of_ssh_is_named_whatever_the_server_prints_first(
    bare: Repository, follow: Follow, tmp_path: Path, name: str, banner: str
) -> None:
    case = SSH_CASES[name]
    with SshGit(tmp_path / "ssh", banner=banner) as server:
        access = GitCredentials(case.prepare(server, tmp_path))
        status = follow(server.url(bare.root), branch="main", access=access).follower.status()
    assert (status.reason, "by itself" in status.message) == (case.reason, False), status
    assert case.says in status.message
    assert "Authorized users" not in status.message


def test_a_banner_does_not_disturb_what_works_nor_hide_what_is_missing(
    bare: Repository, follow: Follow, tmp_path: Path, data_folder: Path
) -> None:
    with SshGit(tmp_path / "ssh", banner=BANNER) as server:
        access = GitCredentials(plain(server, tmp_path))
        following = follow(server.url(bare.root), branch="main", access=access)
        assert following.names == ["one", "two"]
        gone = follow(
            server.url(tmp_path / "gone.git"), branch="main", access=access, data=data_folder.with_name("other")
        )
        assert gone.follower.status().reason == "NotARepository"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@dataclass
class TlsCase:
    reason: str | None
    says: str
    given: Callable[[Certificates], GitAccess]
    server: dict[str, Any] = field(default_factory=dict)


def with_client_certificate(key: str) -> Callable[[Certificates], GitAccess]:
    def given(certificates: Certificates) -> GitAccess:
        certificate, own = certificates.sign("runner")
        if key == "locked":
            certificates.encrypt(own, certificates.folder / "locked.key")
        path = {"own": own, "none": certificates.folder / "none.key", "locked": certificates.folder / "locked.key"}[key]
        return GitAccess(ca_file=certificates.authority, cert_file=certificate, key_file=path)

    return given


def trusted(certificates: Certificates) -> GitAccess:
    return GitAccess(ca_file=certificates.authority)


def of_another_authority(certificates: Certificates) -> GitAccess:
    (certificates.folder / "other").mkdir(exist_ok=True)
    certificate, key = Certificates.make(certificates.folder / "other").sign("stranger")
    return GitAccess(ca_file=certificates.authority, cert_file=certificate, key_file=key)


def untrusted(_: Certificates) -> GitAccess:
    return GitAccess()


def missing_authority(certificates: Certificates) -> GitAccess:
    return GitAccess(ca_file=certificates.folder / "none.pem")


def authority_of_garbage(certificates: Certificates) -> GitAccess:
    path = certificates.folder / "garbage.pem"
    path.write_text("garbage")
    return GitAccess(ca_file=path)


TLS_CASES: dict[str, TlsCase] = {
    "authority of our own": TlsCase(None, "", trusted),
    "authority unknown": TlsCase("CertificateRejected", "certificate", untrusted),
    "expired": TlsCase("CertificateRejected", "certificate", trusted, {"days": -1}),
    "another host": TlsCase("CertificateRejected", "certificate", trusted, {"host": "DNS:other.invalid"}),
    "signed by itself": TlsCase("CertificateRejected", "certificate", trusted, {"signed": False}),
    "missing ca_file": TlsCase("CertificateRejected", "git.ca_file", missing_authority),
    "ca_file of garbage": TlsCase("CertificateRejected", "no PEM", authority_of_garbage),
    "client certificate": TlsCase(None, "", with_client_certificate("own"), {"shows": True}),
    "no client certificate": TlsCase("ClientCertificateRejected", "git.cert_file", trusted, {"shows": True}),
    "missing key_file": TlsCase(
        "ClientCertificateRejected", "git.key_file", with_client_certificate("none"), {"shows": True}
    ),
    "key_file with a passphrase": TlsCase(
        "ClientCertificateRejected", "has a passphrase", with_client_certificate("locked"), {"shows": True}
    ),
}


@pytest.mark.parametrize("name", TLS_CASES)
def test_a_fault_of_tls_is_named(
    bare: Repository, follow: Follow, certificates: Certificates, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("GIT_SSL_CAINFO", raising=False)
    case = TLS_CASES[name]
    context = certificates.context(f"server-{name.replace(' ', '-')}", **case.server)
    with HttpGit(bare.root.parent, tls=context) as web:
        access = GitCredentials(case.given(certificates))
        following = follow(web.url("server.git"), branch="main", access=access)
        status = following.follower.status()
    assert (status.reason, "by itself" in status.message) == (case.reason, False), status
    assert case.says in status.message
    assert following.names == ([] if case.reason else ["one", "two"])


NO_CERTIFICATE = "ClientCertificateRejected"


@pytest.mark.parametrize(
    ("scheme", "given", "reason", "says"),
    [
        ("https", with_client_certificate("own"), None, ""),
        ("https", trusted, NO_CERTIFICATE, "git.cert_file"),
        ("https", of_another_authority, NO_CERTIFICATE, "git.cert_file"),
        ("http", trusted, "NotAGitServer", "https://"),
    ],
)
def test_what_nginx_answers_without_a_client_certificate_is_named(
    bare: Repository,
    follow: Follow,
    certificates: Certificates,
    scheme: str,
    given: Callable[[Certificates], GitAccess],
    reason: str | None,
    says: str,
) -> None:
    with HttpGit(bare.root.parent) as web, Nginx(certificates, web.url("")) as nginx:
        following = follow(nginx.url("server.git", scheme), branch="main", access=GitCredentials(given(certificates)))
        status = following.follower.status()
    assert (status.reason, "by itself" in status.message) == (reason, False), status
    assert says in status.message
    assert following.names == ([] if reason else ["one", "two"])


ALERT = b"\x15\x03\x03\x00\x02\x02"
ENDINGS: dict[str, tuple[str, bytes, bool, str]] = {
    "reset": ("https", b"", True, "ConnectionEnded"),
    "closed": ("https", b"", False, "ConnectionEnded"),
    "alert handshake_failure": ("https", ALERT + b"\x28", False, NO_CERTIFICATE),
    "alert certificate_required": ("https", ALERT + b"\x74", False, NO_CERTIFICATE),
    "no TLS": ("https", b"HTTP/1.1 400 Bad Request\r\n\r\n", False, "NotAGitServer"),
    "another protocol": ("https", b"SSH-2.0-OpenSSH_9.2\r\n", False, "NotAGitServer"),
    "TLS where HTTP is asked for": ("http", ALERT + b"\x28", False, "NotAGitServer"),
    "reset of HTTP": ("http", b"", True, "NetworkError"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_a_connection_that_ends_in_its_handshake_is_named(follow: Follow, name: str) -> None:
    scheme, answer, resets, reason = ENDINGS[name]
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=end_each, args=(server, answer, resets), daemon=True).start()
        status = follow(f"{scheme}://127.0.0.1:{server.getsockname()[1]}/b.git", branch="main").follower.status()
        server.shutdown(socket.SHUT_RDWR)
    assert (status.reason, "by itself" in status.message) == (reason, reason == "NetworkError"), status
    if reason in ("ConnectionEnded", NO_CERTIFICATE):
        assert "git.cert_file" in status.message


def end_each(server: socket.socket, answer: bytes, resets: bool) -> None:
    """Ends each connection after the first bytes of the client."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            connection.recv(65536)
            connection.sendall(answer)
            if resets:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                connection.shutdown(socket.SHUT_WR)
                connection.recv(65536)
            connection.close()


@pytest.fixture
def web(bare: Repository) -> Iterator[HttpGit]:
    with HttpGit(bare.root.parent) as server:
        yield server


@pytest.mark.parametrize(
    ("status", "fields", "reason", "says"),
    [
        (
            301,
            {"Location": "http://u:secret@new.invalid/b.git/info/refs?service=x"},
            "RepositoryMoved",
            "new.invalid/b.git",
        ),
        (308, {"Location": "/b.git/info/refs"}, "RepositoryMoved", "/b.git"),
        (302, {"Location": "http://127.0.0.1:1/users/sign_in"}, "NotAGitServer", "/users/sign_in"),
        (200, {"Content-Type": "text/html; charset=utf-8"}, "NotAGitServer", "HTML page"),
        (400, {}, "RequestRefused", "address"),
        (408, {}, "NetworkError", "by itself"),
        (410, {}, "RequestRefused", "address"),
        (431, {}, "RequestRefused", "address"),
        (401, {"WWW-Authenticate": 'Basic realm="git"'}, "AuthenticationFailed", "credentials"),
        (403, {}, "AuthenticationFailed", "credentials"),
        (404, {}, "NotARepository", "address"),
        (407, {}, "AuthenticationFailed", "proxy"),
        (429, {"Retry-After": "9"}, "RateLimited", "429"),
        (502, {}, "NetworkError", "by itself"),
    ],
)
@pytest.mark.parametrize("branch", ["main", None])
def test_what_an_http_server_answers_is_named(
    web: HttpGit, follow: Follow, branch: str | None, status: int, fields: dict[str, str], reason: str, says: str
) -> None:
    web.answer, web.fields, web.body = (status, ""), fields, b"<html>log in</html>" if status == 200 else b""
    found = follow(web.url("server.git"), branch=branch).follower.status()
    assert found.reason == reason, found
    assert says in found.message
    assert "secret" not in found.message


def test_no_trace_of_http_is_left_behind(
    web: HttpGit, follow: Follow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    assert follow(web.url("server.git"), branch="main").names == ["one", "two"]
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_reason_is_judged_on_everything_and_shown_by_its_end() -> None:
    said = b"remote: Welcome to the git server of a company.\n" * 3000
    error = failure(
        "git push", 128, said + b"fatal: unable to access 'https://x/': The requested URL returned error: 403\n"
    )
    assert error.kind == "AuthenticationFailed"
    assert len(error.message) < 450
    assert error.message.endswith("error: 403")


@pytest.mark.parametrize(
    "said",
    [
        "ERROR: The key you are authenticating with has been marked as read only.",
        "remote: ERROR: This deploy key does not have write access to this project.",
        "Forgejo: User: 1:runner with Key: 2:deploy is not authorized to write to team/jobs.",
        "remote: You are not allowed to push code to this project.",
    ],
)
def test_a_read_only_deploy_key_may_read_and_not_write(
    repository: Repository, bare: Repository, follow: Follow, tmp_path: Path, said: str
) -> None:
    with SshGit(tmp_path / "ssh", banner=BANNER, refusal=f"{said}\n") as server:
        repository.write_job("one", schedule="30 3 * * *")
        repository.commit()
        repository.push()
        following = follow(server.url(bare.root), branch="main", access=GitCredentials(plain(server, tmp_path)))
        with pytest.raises(PushRefused, match="may read the repository, not write to it") as refused:
            Reverter(following.follower).perform(RollbackRequest("one", "1", "", Person("A", "a@example.com"), ""))
    assert said.removeprefix("remote: ").removeprefix("ERROR: ") in refused.value.message


def test_the_reason_of_a_policy_is_shown_after_whatever_it_prints_first(
    repository: Repository, bare: Repository, follow: Follow
) -> None:
    repository.write_job("one", schedule="30 3 * * *")
    repository.commit()
    repository.push()
    bare.hook("pre-receive", "for n in $(seq 60); do echo 'Welcome to the git server'; done; echo 'no ticket'; exit 1")
    following = follow(bare.root, branch="main")
    with pytest.raises(PushRefused, match="no ticket"):
        Reverter(following.follower).perform(RollbackRequest("one", "1", "", Person("A", "a@example.com"), ""))
