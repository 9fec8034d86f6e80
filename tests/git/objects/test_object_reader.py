"""The process that reads objects one by one: it answers in time, or it is replaced."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.repositories.repository import Repository, job_text

from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import discover
from chronos_gitops.git.errors import Corrupt, ObjectMissing, OutputTooLarge, Stopped
from chronos_gitops.git.objects.object_reader import NoAnswer, ObjectReader
from chronos_gitops.jobs.validation.validate import git_blob_id

ONE = job_text("one").encode()
BLOB = git_blob_id(ONE)


@pytest.fixture
def reader(repository: Repository) -> Iterator[ObjectReader]:
    reader = reader_of(repository)
    yield reader
    reader.close()


def reader_of(repository: Repository) -> ObjectReader:
    return ObjectReader(cwd=repository.root, env=os.environ, limit=4096, timeout=0.3)


def damage_object(repository: Repository, name: str) -> None:
    path = repository.root / ".git/objects" / name[:2] / name[2:]
    path.chmod(0o644)
    path.write_bytes(b"\xa5" * path.stat().st_size)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("content", [b"", b"\n", b"\n" * 4096, b"x" * 4096, bytes(range(256))])
def test_any_content_within_the_limit_is_read(reader: ObjectReader, repository: Repository, content: bytes) -> None:
    repository.write("file", content)
    repository.commit()
    for _ in range(3):
        assert reader.read(git_blob_id(content)) == content
        assert reader.read(BLOB) == ONE


def test_a_missing_object_is_an_answer(reader: ObjectReader) -> None:
    with pytest.raises(ObjectMissing):
        reader.read("1" * 40)
    assert reader.read(BLOB) == ONE


def test_content_over_the_limit_is_not_read(reader: ObjectReader, repository: Repository) -> None:
    content = b"x" * 4097
    repository.write("file", content)
    repository.commit()
    with pytest.raises(OutputTooLarge, match="4,097 bytes"):
        reader.read(git_blob_id(content))


def test_a_process_that_does_not_answer_is_given_up_in_time(reader: ObjectReader) -> None:
    assert reader.read(BLOB) == ONE
    os.kill(reader.process.pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(NoAnswer):
        reader.read(BLOB)
    assert 0.3 <= time.monotonic() - began < 5


def test_a_process_that_ended_gives_no_answer(reader: ObjectReader) -> None:
    reader.process.kill()
    reader.process.wait()
    for _ in range(2):
        with pytest.raises(NoAnswer):
            reader.read(BLOB)


def test_errors_of_git_never_stop_it(repository: Repository) -> None:
    """Before, they filled a pipe that was not read: 64 KiB, some 500 questions."""
    damage_object(repository, BLOB)
    whole = git_blob_id(job_text("two").encode())
    reader = reader_of(repository)
    for _ in range(1000):
        try:
            reader.read(BLOB)
        except ObjectMissing:
            continue
        except NoAnswer:
            reader.close()
            reader = reader_of(repository)
    assert reader.read(whole) == job_text("two").encode()
    reader.close()


@pytest.mark.parametrize("end", ["close", "collect"])
def test_nothing_is_left_of_closed_or_forgotten_readers(repository: Repository, end: str) -> None:
    gc.collect()
    before = descriptors()
    for _ in range(5):
        reader = reader_of(repository)
        assert reader.read(BLOB) == ONE
        child = reader.process.pid
        if end == "close":
            reader.close()
            reader.close()
        del reader
        gc.collect()
        with pytest.raises(ChildProcessError):
            os.waitpid(child, os.WNOHANG)
    assert descriptors() <= before


def test_the_process_ends_with_the_program(repository: Repository) -> None:
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from chronos_gitops.git.client import Git\nfrom chronos_gitops.git.discovery import discover\n"
        "git = Git(discover(Path(sys.argv[1])))\ngit.read(sys.argv[2])\nprint(git._reader.process.pid)\n"
    )
    argv = (sys.executable, "-W", "error", "-c", program, str(repository.root), BLOB)
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


def test_a_reader_that_hangs_is_replaced_and_the_object_is_read(git: Git, repository: Repository) -> None:
    for _ in range(3):
        git._reader = reader_of(repository)
        hanging = git._reader.process
        os.kill(hanging.pid, signal.SIGSTOP)
        assert git.read(BLOB) == ONE
        assert hanging.returncode == -signal.SIGKILL
        assert git.read(BLOB) == ONE


def test_a_gateway_is_closed_while_its_reader_hangs(git: Git) -> None:
    assert git.read(BLOB) == ONE
    assert git._reader is not None
    os.kill(git._reader.process.pid, signal.SIGSTOP)
    ended: list[str] = []

    def read() -> None:
        try:
            git.read(BLOB)
        except Stopped as error:
            ended.append(error.kind)

    thread = threading.Thread(target=read)
    thread.start()
    began = time.monotonic()
    git.close()
    thread.join(5)
    assert ended == ["Stopped"]
    assert time.monotonic() - began < 5


def test_damage_is_reported_with_the_words_of_git(repository: Repository) -> None:
    reports: list[None] = []
    git = Git(discover(repository.root), on_damage=lambda: reports.append(None))
    damage_object(repository, BLOB)
    with pytest.raises((Corrupt, ObjectMissing)):
        git.read(BLOB)
    assert reports
    git.close()


def test_objects_of_a_repository_with_sha256_are_read(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "checkout")
    repository.git("init", "--quiet", "--object-format=sha256")
    repository.write_job("one")
    repository.commit()
    git = Git(discover(repository.root))
    before = descriptors()
    assert git.read(repository.git("rev-parse", "HEAD:jobs/one.yaml")) == ONE
    assert git._reader is not None
    assert descriptors() == before + 2
    with pytest.raises(ObjectMissing):
        git.read("1" * 64)
    git.close()
