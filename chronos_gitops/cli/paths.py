"""Job files named on the command line: files, folders and what stands in them, without git."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from chronos_gitops.errors import UsageError
from chronos_gitops.jobs import ignore
from chronos_gitops.jobs.load import Entry, Kind
from chronos_gitops.jobs.wording import printable

SUFFIXES = (".yaml", ".yml")
_AT_ONCE = 1024 * 1024


class PathFiles:
    """Files on disk under the names they were asked for; links are listed and never followed."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.named: Mapping[str, str] = {shown(path): path for path in paths}
        self._entries = tuple(_entry(name, self.named[name]) for name in sorted(self.named))

    @property
    def entries(self) -> Sequence[Entry]:
        return self._entries

    def read(self, entries: Sequence[Entry]) -> Mapping[str, bytes]:
        contents = ((entry.path, _content(self.named[entry.path])) for entry in entries)
        return {path: content for path, content in contents if content is not None}


def job_files(path: Path, jobs: str = "") -> Iterator[str]:
    """The file itself, or every ``*.yaml`` and ``*.yml`` below the folder; UsageError when there is no such path.

    What the ``.chronosignore`` of the jobs folder leaves out is left out here too, also when it is named.
    """
    if not path.exists() and not path.is_symlink():
        raise UsageError(f"there is no {shown(path)}")
    top = _top(path, jobs)
    ignored = ignore.Ignore.parse(_content(str(top / ignore.NAME)) or b"")
    for file in _candidates(path):
        if not ignored.patterns or not ignored.ignores(os.path.relpath(file, top)):
            yield file


def _candidates(path: Path) -> Iterator[str]:
    """As text: a Path for each of 10,000 files takes 40 ms."""
    if not path.is_dir():
        yield str(path)
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name != ".git")
        start = os.path.join(folder, "").removeprefix("./")  # noqa: PTH118
        yield from (start + name for name in names if name.endswith(SUFFIXES))


def _top(path: Path, jobs: str) -> Path:
    """The jobs folder that this path is, or is in, else the folder that it is; never outside its checkout."""
    own = path if path.is_dir() else path.parent
    folder = Path(os.path.abspath(own))  # noqa: PTH100 - resolve() would follow links
    for above in (folder, *folder.parents) if jobs else ():
        if above.name == Path(jobs).name:
            return above
        if (above / ".git").exists():
            break
    return own


def tree_around(path: Path, jobs: str) -> Path | None:
    """The jobs folder that a file stands in, so that rules across files hold for one file too."""
    return next((folder for folder in path.parents if folder.name == Path(jobs).name), None)


def jobs_folder(jobs: str) -> Path | None:
    """The jobs folder of the current folder or of the checkout around it, as seen from here."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / jobs).is_dir():
            return Path(os.path.relpath(folder / jobs, here))
        if (folder / ".git").exists():
            return None
    return None


def shown(path: str | Path) -> str:
    """The path; bytes that are no text and invisible characters are made visible."""
    return printable(os.fsencode(path).decode("utf-8", "backslashreplace"))


def _entry(name: str, path: str) -> Entry:
    try:
        seen = os.lstat(path)
    except OSError:
        return Entry(name, "", 0)
    return Entry(name, "", seen.st_size, Kind.SYMLINK if stat.S_ISLNK(seen.st_mode) else Kind.FILE)


def _content(path: str) -> bytes | None:
    """None for what cannot be read, and for pipes and devices, where reading would wait for ever."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
            return b"".join(iter(lambda: os.read(descriptor, _AT_ONCE), b"")) if is_file else None
        finally:
            os.close(descriptor)
    except OSError:
        return None
