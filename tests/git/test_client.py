"""The gateway: what it may run, what it may not, and what it says when it fails."""

import os
import socket
import threading
import time
from pathlib import Path

import pytest
from harness.repositories.repository import Repository, job_text

from chronos_gitops.errors import UsageError
from chronos_gitops.git import errors
from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import discover
from chronos_gitops.git.refs import branch_name
from chronos_gitops.git.remote.address import RemoteAddress, redact
from chronos_gitops.git.remote.mirror import Mirror
from chronos_gitops.jobs.validation.validate import git_blob_id


@pytest.mark.parametrize(
    ("text", "location", "protocols"),
    [
        ("https://github.com/a/b.git", "https://github.com/a/b.git", "https"),
        ("https://u:p%40x@git.example.com:8443/a", "https://git.example.com:8443/a", "https"),
        ("https://token@git.example.com/a", "https://git.example.com/a", "https"),
        ("http://git.example.com/a", "http://git.example.com/a", "http:https"),
        ("ssh://git@git.example.com/a", "ssh://git@git.example.com/a", "ssh"),
        ("git@git.example.com:a/b.git", "git@git.example.com:a/b.git", "ssh"),
        ("git://git.example.com/a", "git://git.example.com/a", "git"),
        ("file:///srv/a%20b.git", "/srv/a b.git", "file"),
        ("/srv/a.git/", "/srv/a.git", "file"),
    ],
)
def test_addresses(text: str, location: str, protocols: str) -> None:
    address = RemoteAddress.parse(text)
    assert (address.location, address.protocols) == (location, protocols)


@pytest.mark.parametrize(
    "text",
    ["ext::sh -c touch% canary", "fd::17", "gopher://x/y", "", "https:///x", "https://-oProxy/x", "a\nb", "-x:y/z"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        RemoteAddress.parse(text)


@pytest.mark.parametrize(
    "text",
    ["https://user:secret@host/x", "https://secret@host/x", "fatal: http://a:secret@b:80/ and ssh://a:secret@c/"],
)
def test_credentials_are_never_shown(text: str) -> None:
    assert "secret" not in redact(text)
    assert "***@" in redact(text)


def test_an_address_shows_no_credentials_at_all() -> None:
    address = RemoteAddress.parse("https://user:secret@host/x")
    assert "secret" not in f"{address} {address!r}"
    assert address.config[0][0] == "http.https://host/.extraHeader"


@pytest.mark.parametrize(
    "name",
    ["", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "/a", "a/", "a//b", ".a", "a/.b", "a.lock"],
)
def test_what_git_would_not_call_a_branch_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        branch_name(name)


@pytest.mark.parametrize("name", ["main", "feature/x", "--upload-pack=x", "-x", "ümlaut", "a@b", "release-1.2"])
def test_odd_names_that_git_allows_are_branches(repository: Repository, name: str) -> None:
    assert branch_name(f"refs/heads/{name}") == name
    repository.git("check-ref-format", f"refs/heads/{name}")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("fatal: Authentication failed for 'https://x/'", "AuthenticationFailed"),
        (
            "git@host: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            "AuthenticationFailed",
        ),
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", "AuthenticationFailed"),
        ("Host key verification failed.\nfatal: Could not read from remote repository.", "HostKeyMismatch"),
        ("fatal: couldn't find remote ref refs/heads/x", "BranchNotFound"),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", "NetworkError"),
        ("ssh: connect to host x port 22: Connection refused\nfatal: Could not read from remote", "NetworkError"),
        ("fatal: transport 'ext' not allowed", "ProtocolNotAllowed"),
        ("fatal: bad object refs/chronos/remote/main", "Corrupt"),
        ("fatal: detected dubious ownership in repository at '/x'", "DubiousOwnership"),
        ("fatal: '/x' does not appear to be a git repository\nfatal: Could not read from remote", "NotARepository"),
        ("something new", "GitOperationFailed"),
    ],
)
def test_failures_have_a_typed_reason(said: str, kind: str) -> None:
    assert errors.failure("git fetch", 128, said.encode()).kind == kind


def test_an_error_is_one_printable_line_without_credentials() -> None:
    said = b"fatal: https://u:secret@h/\x1b[31m\r\nhint: advice\nremote: no\n" + b"x" * 5_000
    error = errors.failure("git push", 1, said)
    assert str(error).isprintable()
    assert len(str(error)) < 500
    assert "secret" not in str(error)
    assert "advice" not in str(error)


def test_a_repository_is_found_from_any_folder_in_it(repository: Repository) -> None:
    place = discover(repository.root / "jobs")
    assert (place.root, place.git_dir, place.common) == (
        repository.root,
        repository.root / ".git",
        repository.root / ".git",
    )


@pytest.mark.parametrize("apart", [False, True])
def test_a_config_that_points_elsewhere_never_leads_there(tmp_path: Path, apart: bool) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "jobs").mkdir(parents=True)
    repository = Repository(tmp_path / "checkout")
    repository.git("init", "--quiet", *([f"--separate-git-dir={tmp_path / 'apart'}"] if apart else []))
    repository.git("config", "core.worktree", str(elsewhere))
    assert discover(repository.root).root == repository.root


def test_a_git_folder_whose_files_are_elsewhere_is_refused(repository: Repository, tmp_path: Path) -> None:
    assert discover(repository.root / ".git").root == repository.root
    repository.git("config", "core.worktree", str(tmp_path / "elsewhere"))
    with pytest.raises(errors.NotARepository, match="keeps files"):
        discover(repository.root / ".git")


def test_a_dollar_in_a_path_is_a_dollar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM", "elsewhere")
    repository = Repository.init(tmp_path / "$TEAM")
    assert discover(repository.root).root == repository.root


def test_resolve_answers_none_for_what_is_not_there(git: Git, repository: Repository) -> None:
    assert git.resolve("HEAD") == repository.head()
    assert git.resolve("refs/heads/none") is None
    assert git.resolve("--all") is None


def test_a_command_that_takes_too_long_is_killed_with_its_children(git: Git, tmp_path: Path) -> None:
    """The alias starts a child that would write a file after the deadline."""
    late = tmp_path / "late"
    began = time.monotonic()
    with pytest.raises(errors.Timeout, match=r"did not end within 0\.2 s"):
        git.run("-c", f"alias.slow=!(sleep 1; touch {late}) & wait", "slow", timeout=0.2)
    assert time.monotonic() - began < 0.9
    threading.Event().wait(1.0)  # the moment it would have been written has to pass
    assert not late.exists()


def test_output_without_end_is_cut(git: Git) -> None:
    with pytest.raises(errors.OutputTooLarge):
        git.run("-c", "alias.flood=!yes", "flood", limit=1_000_000)


def test_a_closed_gateway_ends_what_runs_and_starts_nothing(git: Git) -> None:
    ended: list[str] = []

    def run() -> None:
        try:
            git.run("-c", "alias.slow=!echo started >&2; sleep 20", "slow")
        except errors.Stopped as error:
            ended.append(error.kind)

    thread = threading.Thread(target=run)
    thread.start()
    until = time.monotonic() + 5
    while not git._running and time.monotonic() < until:
        threading.Event().wait(0.001)
    git.close()
    thread.join(5)
    assert ended == ["Stopped"]
    with pytest.raises(errors.Stopped):
        git.run("status")
    with pytest.raises(errors.Stopped):
        git.read("1" * 40)


def test_the_environment_of_the_runner_does_not_lead_git_elsewhere(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Repository.init(tmp_path / "other")
    other.write("x", "y")
    other.commit()
    commit = repository.head()
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.hooksPath=/x'")
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other.root / ".git/objects"))
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    git = Git(discover(repository.root))
    assert git.resolve("HEAD") == commit
    assert git.read(git_blob_id(job_text("one").encode())) == job_text("one").encode()
    git.close()
    assert not (tmp_path / "trace").exists()


def test_objects_are_read_from_many_threads(git: Git, repository: Repository) -> None:
    contents = {git_blob_id(text): text for text in (f"number {number}\n".encode() * 50 for number in range(60))}
    for blob, content in contents.items():
        repository.write(f"blobs/{blob}", content)
    repository.commit()
    wrong: list[str] = []

    def read_all() -> None:
        wrong.extend(blob for blob, content in contents.items() if git.read(blob) != content)

    threads = [threading.Thread(target=read_all) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
    assert git.read_many(list(contents)) == contents


def test_a_reader_that_died_is_started_again(git: Git) -> None:
    blob = git_blob_id(job_text("one").encode())
    for _ in range(2):
        assert git.read(blob) == job_text("one").encode()
        reader = git._open_reader().process
        reader.kill()
        reader.wait()
    assert git.read(blob) == job_text("one").encode()


def test_what_is_missing_or_huge_is_not_read(git: Git, repository: Repository) -> None:
    huge = b"x" * (2 << 20)
    repository.write("huge", huge)
    repository.commit()
    with pytest.raises(errors.ObjectMissing):
        git.read("1" * 40)
    with pytest.raises(errors.OutputTooLarge):
        git.read(git_blob_id(huge))
    one = git_blob_id(job_text("one").encode())
    for filling in (0, 300):
        wanted = [one, "1" * 40, git_blob_id(huge), *(f"{number:040x}" for number in range(2, 2 + filling))]
        assert git.read_many(wanted) == {one: job_text("one").encode()}


def test_an_odd_folder_name_is_only_a_folder(tmp_path: Path) -> None:
    repository = Repository.init(tmp_path / "--upload-pack=touch canary; 'x' \"y\" \\z")
    repository.write_job("one")
    repository.commit()
    mirror = Mirror(RemoteAddress.parse(str(repository.root)), tmp_path / "data")
    mirror.open()
    assert mirror.fetch("main") == repository.head()
    mirror.close()


def test_a_folder_of_another_user_is_followed_because_the_operator_named_it(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIT_TEST_ASSUME_DIFFERENT_OWNER is git's own switch for this; it reaches only the child that is under test."""
    mirror = Mirror(RemoteAddress.parse(str(repository.root)), tmp_path / "data")
    mirror.open()
    foreign = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1", "GIT_ALLOW_PROTOCOL": "file"}
    refspec = "+refs/heads/main:refs/chronos/remote/main"
    mirror.git.run("fetch", "--end-of-options", str(repository.root), refspec, env=foreign)
    assert mirror.known("main") == repository.head()
    with pytest.raises(errors.GitError, match=r"dubious ownership|Could not read"):
        mirror.git.run(
            "fetch", "--end-of-options", str(repository.root), refspec, env={**foreign, "GIT_CONFIG_GLOBAL": os.devnull}
        )
    mirror.close()


def test_only_the_protocol_of_the_address_is_spoken(repository: Repository, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        mirror = Mirror(RemoteAddress.parse(str(repository.root)), tmp_path / "data")
        mirror.open()
        with pytest.raises(errors.ProtocolNotAllowed):
            mirror.git.run("ls-remote", f"git://127.0.0.1:{server.getsockname()[1]}/x")
        with pytest.raises(errors.ProtocolNotAllowed):
            mirror.git.run("ls-remote", f"ext::sh -c 'touch {tmp_path}/canary'")
        mirror.close()
    assert not (tmp_path / "canary").exists()
