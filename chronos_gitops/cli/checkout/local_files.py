"""Job files named on the command line: files, folders and what stands in them, without git."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.files import job_files as rules
from chronos_gitops.jobs.validation.quoting import printable
from chronos_gitops.jobs.validation.validate import FileKind, TreeEntry

_AT_ONCE = 1024 * 1024


class LocalFiles:
    """Files on disk under the names they were asked for; links are listed and never followed."""

    def __init__(self, paths: Iterable[str], jobs: str = "", roots: Sequence[Path] = ()) -> None:
        """``roots`` are the folders that were asked for: outside of a jobs folder, layers reach from there."""
        self._jobs = jobs
        self._roots = [root for root in roots if root.is_dir()]
        self.named: Mapping[str, str] = {shown(path): path for path in paths}
        self._entries = tuple(_entry(name, self.named[name]) for name in sorted(self.named))
        self._folders: dict[str, str] = {}

    @property
    def entries(self) -> Sequence[TreeEntry]:
        return self._entries

    def read(self, entries: Sequence[TreeEntry]) -> Mapping[str, bytes]:
        contents = ((entry.path, _content(self.named[entry.path])) for entry in entries)
        return {path: content for path, content in contents if content is not None}

    def place(self, path: str) -> str:
        if path not in self.named:
            return self._place(Path(path))
        # A search for the jobs folder for each file, not each folder, was half of the time of `validate` with layers.
        folder, _, name = self.named[path].rpartition("/")
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = self._place(Path(self.named[path])).removesuffix(name)
        return known + name

    def _place(self, file: Path) -> str:
        top = top_of(file, self._jobs)
        if top == file.parent:
            top = next((root for root in self._roots if file.is_relative_to(root)), top)
        return Path(os.path.relpath(file, top)).as_posix()


def job_files(path: Path, jobs: str = "") -> Iterator[str]:
    """The job files at the path: the file itself, or those below the folder, as ``jobs.job_files`` decides.

    UsageError when there is no such path, for a named file that is no job file, and for a jobs folder that is a link.
    What the ``.chronosignore`` of the jobs folder leaves out is left out here too, also when it is named.
    """
    if not path.exists() and not path.is_symlink():
        raise UsageError(f"there is no {shown(path)}")
    top = top_of(path, jobs)
    if jobs and top.name == Path(jobs).name:
        _refuse_linked(top, jobs)
        refuse_link(path if path.is_dir() else path.parent)
    place = Path(os.path.relpath(path, top)).as_posix()
    if not path.is_dir():
        _refuse_other_file(path, place)
    elif place != "." and rules.is_hidden(place):
        return
    ignored = rules.IgnoreRules.parse(_content(str(top / rules.IGNORE_FILE)) or b"")
    for file in _candidates(path):
        if not ignored.patterns or not ignored.ignores(os.path.relpath(file, top)):
            yield file


def reason_left_out(file: Path, jobs: str) -> str | None:
    """Why a file on disk is no job of the jobs folder that it stands in; None for a job file."""
    top = top_of(file, jobs)
    place = Path(os.path.relpath(file, top)).as_posix()
    ignored = rules.IgnoreRules.parse(_content(str(top / rules.IGNORE_FILE)) or b"")
    return rules.reason_against(place) or (f"{rules.IGNORE_FILE} excludes it" if ignored.ignores(place) else None)


def _refuse_other_file(path: Path, place: str) -> None:
    reason = rules.reason_against(place)
    if reason is not None:
        raise UsageError(f"{shown(path)} is not a job file: {reason}", hint="rename it, or pipe it: validate - < FILE")


def _refuse_linked(folder: Path, jobs: str) -> None:
    """Neither the jobs folder nor a part of its path in the checkout may be a link."""
    for part in (folder, *folder.parents)[: len(Path(jobs).parts)]:
        refuse_link(part)


def refuse_link(folder: Path) -> None:
    if folder.is_symlink():
        message = f"{shown(folder)} is a symbolic link, and links are not followed"
        raise UsageError(message, hint="name the folder behind the link")


def _candidates(path: Path) -> Iterator[str]:
    """As text: a Path for each of 10,000 files takes 40 ms."""
    if not path.is_dir():
        yield str(path)
        return
    try:
        for found, _ in rules.walk(str(path)):
            yield found.path.removeprefix("./")
    except OSError as error:
        raise UsageError(f"{shown(error.filename or path)} cannot be listed: {error.strerror}") from error


def top_of(path: Path, jobs: str) -> Path:
    """The jobs folder that this path is, or is in, else the folder that it is; never outside its checkout."""
    own = path if path.is_dir() else path.parent
    folder = Path(os.path.abspath(own))  # noqa: PTH100 - resolve() would follow links
    for above in (folder, *folder.parents) if Path(jobs).name else ():
        if above.name == Path(jobs).name:
            return above
        if (above / ".git").exists():
            break
    return own


def rest_of_tree(roots: Sequence[Path], named: Sequence[str], jobs: str) -> Sequence[str]:
    """All other files of the jobs folders that these paths stand in, so that layers and rules across files hold for a
    part of the tree as they do for the whole."""
    tops = {_seen_from_here(root, jobs) for root in roots} - {None}
    known = {os.path.abspath(path) for path in named} if tops else set()  # noqa: PTH100 - resolve() would follow links
    found = (file for top in sorted(filter(None, tops)) for file in job_files(top, jobs))
    return [file for file in found if os.path.abspath(file) not in known]  # noqa: PTH100


def _seen_from_here(root: Path, jobs: str) -> Path | None:
    """The jobs folder that a path stands in; None for the folder itself, and for a path that is in none."""
    top = top_of(root, jobs)
    if not jobs or top.name != Path(jobs).name or top == Path(os.path.abspath(root)):  # noqa: PTH100
        return None
    return top if root.is_absolute() else Path(os.path.relpath(top))


def jobs_folder(jobs: str) -> Path | None:
    """The jobs folder of the current folder or of the checkout around it, as seen from here."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / jobs).is_dir():
            _refuse_linked(folder / jobs, jobs)
            return Path(os.path.relpath(folder / jobs, here))
        if (folder / ".git").exists():
            return None
    return None


def shown(path: str | Path) -> str:
    """The path; bytes that are no text and invisible characters are made visible."""
    return printable(os.fsencode(path).decode("utf-8", "backslashreplace"))


def _entry(name: str, path: str) -> TreeEntry:
    try:
        seen = os.lstat(path)
    except OSError:
        return TreeEntry(name, "", 0)
    kind = (
        FileKind.SYMLINK
        if stat.S_ISLNK(seen.st_mode)
        else FileKind.SUBMODULE
        if stat.S_ISDIR(seen.st_mode)
        else FileKind.FILE
    )
    return TreeEntry(name, "", seen.st_size, kind)


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
