"""Small files of other people: a pipe, a folder, a huge file in their place is an error with its name, and no wait."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from chronos_gitops.config.groups import GitAccess
from chronos_gitops.errors import ChronosError
from chronos_gitops.git.remote.credentials import GitCredentials
from chronos_gitops.git.tree import read_file
from chronos_gitops.process.small_files import DEFAULT_LIMIT, read_beginning, read_small_file
from chronos_gitops.webhooks.credentials.secrets import Secrets

pytestmark = pytest.mark.timeout(30)
HTTPS = "https://git.example.com/jobs.git"


def pipe(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path)


WRONG = [pipe, folder, huge, device, loop]


@pytest.mark.parametrize("make", WRONG)
def test_what_is_no_small_file_is_an_error_at_once(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "file")
    with pytest.raises(OSError, match=r".") as error:
        read_small_file(tmp_path / "file")
    assert error.value.strerror


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for size, limit in ((0, 0), (5, 5), (DEFAULT_LIMIT, DEFAULT_LIMIT)):
        file.write_bytes(b"x" * size)
        assert read_small_file(file, limit=limit) == b"x" * size
    file.write_bytes(b"x" * 6)
    with pytest.raises(OSError, match="larger than 5 bytes"):
        read_small_file(file, limit=5)
    assert read_beginning(file, limit=5) == b"x" * 5
    (tmp_path / "link").symlink_to(file)
    assert read_small_file(tmp_path / "link") == b"x" * 6
    with pytest.raises(OSError, match="symbolic links"):
        read_beginning(tmp_path / "link", limit=5, follow_link=False)


READERS: dict[str, Callable[[Path], object]] = {
    "git.password_file": lambda path: GitCredentials(GitAccess(password_file=path)).config(HTTPS),
    "git.ca_file": lambda path: GitCredentials(GitAccess(ca_file=path)).environment(HTTPS),
    "git.key_file": lambda path: GitCredentials(GitAccess(cert_file=path, key_file=path)).environment(HTTPS),
    "a secret": lambda path: Secrets({}, path.parent).lookup(path.name),
}


@pytest.mark.parametrize("make", WRONG)
@pytest.mark.parametrize("name", READERS)
def test_every_reader_names_the_file_and_waits_for_nothing(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "file-of-it")
    with pytest.raises(ChronosError, match="file-of-it"):
        READERS[name](tmp_path / "file-of-it")


@pytest.mark.parametrize("make", [pipe, folder, device, loop])
def test_the_fault_of_an_ssh_key_and_of_a_job_file_is_seen_without_a_wait(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "file")
    assert "cannot be read" in GitCredentials(GitAccess(ssh_key_file=tmp_path / "file")).key_fault()
    assert read_file(tmp_path / "file") is None
