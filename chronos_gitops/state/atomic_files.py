"""Small files that survive a crash: replaced whole, or lines of JSON that are only ever added to."""

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any


def write_atomically(path: Path, content: bytes | Iterable[bytes]) -> None:
    """The old content or the new one, never a part; on stable storage when it returns. Readable for the owner only.

    Content in parts is never in memory as a whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines((content,) if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_sealed(path: Path, documents: Iterable[Any]) -> str:
    """One JSON document a line, and at the end a SHA-256 of them all, which is answered; replaced whole.

    100,000 jobs as one document take 400 MB to be written or read.
    """
    digest = hashlib.sha256()

    def lines() -> Iterator[bytes]:
        for document in documents:
            line = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
            digest.update(line)
            yield line
        yield json.dumps({"seal": digest.hexdigest()}).encode()

    write_atomically(path, lines())
    return digest.hexdigest()


class Sealed:
    """The documents of such a file, in order; what was read counts only when the end was reached.

    Reading raises ValueError, at the end at the latest, when they are not as they were written, and OSError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seal = ""
        """The seal returned by ``write_sealed``, once the file is written."""

    def __iter__(self) -> Iterator[Any]:
        digest, seal = hashlib.sha256(), None
        with self._path.open("rb") as file:
            for line in file:
                document = json.loads(line.decode("utf-8", "surrogatepass"))
                seal = document.get("seal") if isinstance(document, dict) else None
                if seal is None:
                    digest.update(line)
                    yield document
        if seal != digest.hexdigest():
            raise ValueError("the checksum is wrong")
        self.seal = digest.hexdigest()


def open_private(path: str | Path, flags: int) -> int:
    """A descriptor; a new file can be read and written by its owner only, whatever the umask. For ``opener=``."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def make_private(folder: Path) -> Iterator[Path]:
    """Makes the folder, and every folder and file in it, accessible to its owner only; yields those that it cannot.

    Read-only files (git's objects) stay read-only, and links are not followed. No umask: what a rollback writes into a
    checkout keeps the user's.
    """
    for path in _tree(folder):
        try:
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode) or not mode & 0o077:
                continue
            path.chmod(stat.S_IMODE(mode) & 0o700)
        except FileNotFoundError:
            continue
        except OSError:
            yield path


def _tree(folder: Path) -> Iterator[Path]:
    yield folder
    for top, folders, files in os.walk(folder):
        yield from (Path(top, name) for name in sorted((*folders, *files)))


def append_line(path: Path, document: Mapping[str, Any]) -> None:
    """On stable storage when it returns, the name of a new file included. OSError when it cannot be.

    The line begins on a line of its own, also after one that a full disk or a kill has cut.
    """
    is_new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.write(b"\n" + json.dumps(document).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines that are whole, in order; what a crash has cut is passed over. OSError as for any file."""
    for text in path.read_bytes().splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            yield line


def sync_folder(path: Path) -> None:
    """Without it a new file may be gone after a power cut, whatever was written into it: fsync(2)."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
