"""The source of job files: a checkout as it is on disk, or the commits of a branch."""

import os
from collections.abc import Callable, Collection, Hashable, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final, Protocol

from chronos_gitops.errors import UsageError
from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import RepositoryPaths, discover
from chronos_gitops.git.errors import NotARepository, PathMissing
from chronos_gitops.git.ignore_file import IgnoreFilter
from chronos_gitops.git.incomplete_clone import PresentObjects
from chronos_gitops.git.ref_files import LastAnswer, is_ref_file, ref_files
from chronos_gitops.git.refs import branch_name, heads
from chronos_gitops.git.remote.address import RemoteAddress
from chronos_gitops.git.remote.credentials import GitCredentials
from chronos_gitops.git.remote.mirror import Mirror, OnFetch
from chronos_gitops.git.symlinks import location, symbolic_links
from chronos_gitops.git.tree import CommitFiles, Scanner, read_file
from chronos_gitops.git.worktree.commit import Checkout
from chronos_gitops.jobs.files.job_files import IGNORE_FILE, folders_below, is_hidden
from chronos_gitops.jobs.validation.validate import Files
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.sync.status import Mode

_IMPATIENT: Final = 10.0
_IGNORED_ENDS: Final = ("~", ".swp", ".swx", ".tmp", ".lock")


@dataclass(frozen=True, slots=True)
class TreeSnapshot:
    """The job files to settle. Equal keys mean the same files at the same commit."""

    head: str | None
    files: Files
    committed: Mapping[str, str]
    key: Hashable


class Source(Protocol):
    """One followed repository. Calls come from one thread at a time, but for ``git`` and the watched folders."""

    mode: Mode
    jobs: str
    is_local: bool
    """True if changes are announced by events of folders."""

    @property
    def git(self) -> Git:
        """Where refs and commits are read."""

    @property
    def objects(self) -> PresentObjects:
        """Where contents and history are read."""

    @property
    def repository(self) -> str:
        """For people: without credentials."""

    @property
    def branch(self) -> str | None:
        """None while it is not known, or on a detached HEAD."""

    @property
    def checkout(self) -> RepositoryPaths | None:
        """The checkout whose files are to follow a rollback commit; None where a push makes it."""

    def open(self, on_damage: Callable[[], None] = lambda: None) -> None:
        """Makes ready what belongs to us. ``on_damage`` asks for a refresh soon: something of ours must be mended."""

    def credentials(self) -> Hashable:
        """Another value once a file that the server is shown, or is checked by, has changed."""

    def refresh(self, *, patient: bool) -> str | None:
        """The commit to follow now, None in a repository without one. A GitError when it cannot be told."""

    def tip(self, head: str | None) -> TreeSnapshot:
        """The files at this commit, or on disk over it. PathMissing without a jobs folder."""

    def read_path(self, path: str) -> bytes | None:
        """The content on disk, for files that were never committed."""

    def is_busy(self) -> bool:
        """True if git is seen to be rewriting the files right now."""

    def folders(self) -> Collection[Path]:
        """Whose events are a hint to look again."""

    def concerns(self, path: str) -> bool:
        """True if an event at this path may matter."""

    def check(self) -> bool:
        """True if every object that jobs need can be read; when not, the next refresh mends what is ours. Slow."""

    def suspect(self) -> None:
        """Something could not be read: the next refresh checks, and mends what is ours."""

    def close(self) -> None:
        """Ends what runs; nothing is asked afterwards."""


def open_source(
    repository: str,
    *,
    data: Path,
    mode: str | None = None,
    branch: str | None = None,
    jobs: str = "jobs",
    access: GitCredentials | None = None,
    on_fetch: OnFetch | None = None,
) -> Source:
    """A checkout is followed by its files unless a mode says "branch"; a URL or a bare repository by its branch."""
    address = RemoteAddress.parse(repository)
    jobs = jobs_folder(jobs)
    name = None if branch is None else branch_name(branch)
    place = _place_of(address, data, jobs)
    if place is None or place.root is None or mode == Mode.BRANCH or (name is not None and mode is None):
        if mode == Mode.WORKTREE:
            raise UsageError(f"{address} has no files on disk to follow", hint="use --follow branch")
        inside = jobs_in(jobs, address.path, place)
        return BranchSource(address, place, branch=name, jobs=inside, data=data, access=access, on_fetch=on_fetch)
    if name is not None:
        raise UsageError("--branch cannot go with --follow worktree", hint="check the branch out, or --follow branch")
    return WorktreeSource(place, jobs=jobs_in(jobs, address.path, place))


class WorktreeSource:
    """The files of a checkout."""

    mode = Mode.WORKTREE

    def __init__(self, place: RepositoryPaths, *, jobs: str) -> None:
        if place.root is None:
            raise NotARepository(f"{place.git_dir} has no files on disk")
        self.jobs = jobs
        self.is_local = True
        self.git = Git(place)
        self.objects = PresentObjects(self.git)
        self.checkout = place
        self.repository = str(place.root)
        self.branch: str | None = None
        self._root = place.root
        self._location = location(place.root)
        self._scanner = Scanner(place.root, jobs)
        self._ignore = IgnoreFilter(jobs)
        self._head = LastAnswer[str | None]()
        self._committed: tuple[str | None, Mapping[str, str]] = (None, MappingProxyType({}))
        self._last: CommitFiles | None = None

    def open(self, on_damage: Callable[[], None] = lambda: None) -> None:
        """There is nothing of ours to prepare."""

    def credentials(self) -> Hashable:
        return ()

    def refresh(self, *, patient: bool) -> str | None:  # noqa: ARG002 - nothing here waits
        self._follow_links()
        Checkout(self.git).recover()
        head = self._head.get(ref_files(self.checkout, "HEAD"), lambda: self.git.resolve("HEAD"))
        if head != self._committed[0] or self.branch is None:
            ref = self.git.head_ref()
            self.branch = None if ref is None else ref.removeprefix("refs/heads/")
            self._committed = (head, self._blobs(head))
        return head

    def _follow_links(self) -> None:
        """The path as it was given may lead to another checkout by now."""
        now = location(self._root)
        if now != self._location:
            self.checkout = discover(self._root)
            self.git.relocate(self.checkout)
            self.objects.close()
            self._location, self._committed, self.branch = now, (None, MappingProxyType({})), None

    def tip(self, head: str | None) -> TreeSnapshot:
        files = self._ignore.on_disk(self._scanner.scan(self._committed[1]), self._root)
        return TreeSnapshot(head, files, self._committed[1], (head, tuple(files.entries)))

    def read_path(self, path: str) -> bytes | None:
        return read_file(self._root / path)

    def is_busy(self) -> bool:
        return (self.checkout.git_dir / "index.lock").exists()

    def folders(self) -> Collection[Path]:
        root = Path(os.path.realpath(self._root))
        top = root / self.jobs
        git_dir, refs = self.checkout.git_dir, self.checkout.common / "refs" / "heads"
        above = {root.joinpath(*PurePosixPath(self.jobs).parts[:depth]) for depth in range(_depth(self.jobs))}
        links = {link.parent for link in symbolic_links(self._root)}
        return {*above, *folders_below(top), git_dir, self.checkout.common, *folders_below(refs), *links}

    def concerns(self, path: str) -> bool:
        name = os.path.basename(path)  # noqa: PTH119 - called for every event
        git_dir = str(self.checkout.common)
        if self._is_link_on_the_way(path):
            return True
        if path.startswith((git_dir, str(self.checkout.git_dir))):
            return is_ref_file(path)
        jobs = os.path.join(self._location[0], self.jobs)  # noqa: PTH118
        return (
            (name == IGNORE_FILE or not is_hidden(name))
            and not name.endswith(_IGNORED_ENDS)
            and (path.startswith(jobs) or jobs.startswith(path))
        )

    def _is_link_on_the_way(self, path: str) -> bool:
        return Path(path) in symbolic_links(self._root)

    def check(self) -> bool:
        return True  # the repository of a person is theirs to mend

    def suspect(self) -> None:
        """There is nothing of ours to mend."""

    def close(self) -> None:
        self.objects.close()
        self.git.close()

    def _blobs(self, head: str | None) -> Mapping[str, str]:
        if head is None:
            return MappingProxyType({})
        try:
            self._last = CommitFiles(self.objects.git, head, self.jobs, self._last)
        except PathMissing:
            return MappingProxyType({})
        return self._last.blobs


class BranchSource:
    """The committed files of one branch, read from objects of our own mirror."""

    mode = Mode.BRANCH

    def __init__(
        self,
        address: RemoteAddress,
        place: RepositoryPaths | None,
        *,
        branch: str | None,
        jobs: str,
        data: Path,
        access: GitCredentials | None = None,
        on_fetch: OnFetch | None = None,
    ) -> None:
        self.jobs = jobs
        self.is_local = address.path is not None
        self.repository = str(address)
        self.branch = branch
        there = address if place is None else _at(address, place)
        self.mirror = Mirror(there, data, access, jobs=jobs, on_fetch=on_fetch)
        lender = None if place is None else Git(place)
        self.objects = PresentObjects(self.mirror.git, is_complete=True, lender=lender)
        self._place = place
        self._location = None if place is None else location(place.root or place.git_dir)
        self._address = address
        self._last: CommitFiles | None = None
        self._ignore = IgnoreFilter(jobs)
        self._head = LastAnswer[str]()
        self._tip = LastAnswer[TreeSnapshot]()

    @property
    def git(self) -> Git:
        return self.mirror.git

    @property
    def checkout(self) -> RepositoryPaths | None:
        """The followed branch may be checked out where it comes from: git refuses a push to it, and rightly so."""
        if self._place is None or self._place.root is None or self.branch is None:
            return None
        git = Git(self._place)
        try:
            return self._place if git.head_ref() == heads(self.branch) else None
        finally:
            git.close()

    @property
    def local_repository(self) -> RepositoryPaths | None:
        """The repository that a push writes to, if it is a folder of this machine."""
        return self._place

    def open(self, on_damage: Callable[[], None] = lambda: None) -> None:
        self.mirror.open(on_damage)

    def credentials(self) -> Hashable:
        return self.mirror.credentials()

    def refresh(self, *, patient: bool) -> str | None:
        if self.branch is None:
            self.branch = self.mirror.default_branch()
        head = self._fetch(self.branch, timeout=None if patient else _IMPATIENT)
        self._follow_links()
        return head

    def _follow_links(self) -> None:
        """The path as it was given may lead to another repository by now, or to one at all."""
        path = self._address.path
        if path is None:
            return
        now = self._whereabouts(path)
        if self._place is None or now != self._location:
            self._place, self._location = discover(path), now
            self.objects.lender = Git(self._place)

    def _fetch(self, branch: str, timeout: float | None) -> str:
        if self.objects.lender is not None and self.objects.is_partial:
            return self.mirror.borrow(self.objects.lender, branch)
        return self._head.get(self._ref_files(branch), lambda: self.mirror.fetch(branch, timeout=timeout))

    def _ref_files(self, branch: str) -> Hashable:
        """Of the followed folder and of our mirror; None where one of them has to be asked."""
        ours = self.mirror.ref_files(branch)
        if self._place is None or self._address.path is None or ours is None:
            return None
        theirs = ref_files(self._place, heads(branch))
        return theirs and (theirs, ours, self._whereabouts(self._address.path))

    def _whereabouts(self, path: Path) -> tuple[str, bytes]:
        return location(path if self._place is None else self._place.root or self._place.git_dir)

    def tip(self, head: str | None) -> TreeSnapshot:
        assert head is not None
        ours = self.mirror.ref_files(self.branch or "")
        return self._tip.get(ours and (head, ours), lambda: self._listed(head))

    def _listed(self, head: str) -> TreeSnapshot:
        files = CommitFiles(self.git, head, self.jobs, self._last)
        kept = self._ignore.at(files, self.git)
        self._last = files
        return TreeSnapshot(head, kept, files.blobs, head)

    def read_path(self, path: str) -> bytes | None:  # noqa: ARG002 - every file here was committed
        return None

    def is_busy(self) -> bool:
        return False

    def folders(self) -> Collection[Path]:
        if self._place is None:
            return () if self._address.path is None else (self._address.path,)
        common = self._place.common
        links = {link.parent for link in symbolic_links(self._address.path or common)}
        return {common, common / "reftable", *folders_below(common / "refs" / "heads"), *links}

    def concerns(self, path: str) -> bool:
        if self._address.path is not None and Path(path) in symbolic_links(self._address.path):
            return True
        return is_ref_file(path)

    def check(self) -> bool:
        return self.branch is None or self.mirror.check(self.branch)

    def suspect(self) -> None:
        self.mirror.suspect()

    def close(self) -> None:
        self.mirror.close()


def _place_of(address: RemoteAddress, data: Path, jobs: str) -> RepositoryPaths | None:
    """None for a URL, and for a folder that is away now but was followed by its branch before."""
    if address.path is None:
        return None
    try:
        return discover(address.path)
    except NotARepository:
        if Mirror(address, data, jobs=jobs).exists:
            return None
        raise


def jobs_folder(jobs: str) -> str:
    path = PurePosixPath(jobs)
    if path.is_absolute() or ".." in path.parts or "\0" in jobs:
        raise UsageError(f'"{jobs}" is not a folder inside the repository', hint="give it like jobs or config/jobs")
    return str(path)


def jobs_in(jobs: str, path: Path | None, place: RepositoryPaths | None) -> str:
    """``run services/a`` means the jobs folder of that part of the repository."""
    if path is None or place is None or place.root is None or path.resolve() == place.git_dir.resolve():
        return jobs
    part = path.resolve().relative_to(place.root.resolve())
    return str(PurePosixPath(part.as_posix(), jobs))


def _at(address: RemoteAddress, place: RepositoryPaths) -> RemoteAddress:
    """The repository itself where the address is a folder somewhere inside it."""
    path = place.root or place.git_dir
    return RemoteAddress(str(path), address.protocols, path)


def _depth(jobs: str) -> int:
    return max(1, len(PurePosixPath(jobs).parts))
