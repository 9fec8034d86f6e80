"""Our own bare copy of the followed repository, in the data folder; never shallow, made anew when it breaks."""

import contextlib
import hashlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, Literal, TypeAlias, TypeVar

from chronos_gitops.errors import ConflictError
from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import RepositoryPaths
from chronos_gitops.git.errors import (
    BranchNotFound,
    Corrupt,
    GitError,
    Locked,
    NotARepository,
    ObjectFormatMismatch,
    Stopped,
)
from chronos_gitops.git.incomplete_clone import boundary
from chronos_gitops.git.ref_files import ref_files
from chronos_gitops.git.refs import arriving, branch_name, heads, tracked
from chronos_gitops.git.remote import partial_clone
from chronos_gitops.git.remote.address import RemoteAddress
from chronos_gitops.git.remote.credentials import GitCredentials
from chronos_gitops.git.remote.former_tips import carry_over
from chronos_gitops.git.remote.integrity import is_intact
from chronos_gitops.git.remote.lender import borrow, is_borrowing
from chronos_gitops.git.remote.push import PushResult, push
from chronos_gitops.git.remote.server import Remote
from chronos_gitops.state import file_lock
from chronos_gitops.state.atomic_files import make_private, open_private, write_atomically
from chronos_gitops.state.data_lock import OpenFile

_FIRST_FETCH: Final = 600.0
_FETCH: Final = 60.0
_ASK: Final = 30.0
_FETCH_OPTIONS: Final = (
    "--quiet",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--no-recurse-submodules",
    "--update-shallow",
)
_WHOLE: Final = "chronos.whole"
_SHARED: Final = "core.sharedRepository"
_OWNER_ONLY: Final = "0600"
"""As git-config(1) has it: what git writes is its owner's alone, whatever the umask."""
_CALM: Final = 60.0
_MOST_PACKS: Final = 50
_MOST_LOOSE: Final = 6_700  # git's own gc.auto, which takes the same sample
_REPACK: Final = ("-c", "pack.threads=1", "-c", "pack.windowMemory=64m", "repack", "-A", "-d", "-l", "--quiet")
_log = logging.getLogger(__name__)
Made = TypeVar("Made")
OnFetch: TypeAlias = Callable[[Literal["updated", "unchanged", "failed"], float], None]
"""Told what each fetch came to, and how many seconds it took."""


class Mirror:
    """Owned by one process (flock); ``git`` reads it, ``fetch`` and ``push`` speak to the address.

    Of a server behind a URL, where that can filter, it holds the contents of the folder ``jobs`` only.
    """

    def __init__(
        self,
        address: RemoteAddress,
        data: Path,
        access: GitCredentials | None = None,
        *,
        jobs: str = ".",
        on_fetch: OnFetch | None = None,
    ) -> None:
        self.address = address
        self._on_fetch = on_fetch
        self._jobs = jobs
        self._remote = Remote(address, access or GitCredentials())
        key = hashlib.sha256(f"{address.location}\n{jobs}".encode()).hexdigest()[:12]
        self._folder = data / f"mirror-{key}.git"
        self._lock: IO[str] | None = None
        self._lock_file: OpenFile | None = None
        self._object_format = "sha1"
        self._suspected = threading.Event()
        self._false_alarm: float | None = None
        self._on_damage: Callable[[], None] = lambda: None
        self._fetching = threading.RLock()
        self.git = self._gateway(self._folder, on_damage=self.suspect)

    def open(self, on_damage: Callable[[], None] = lambda: None) -> None:
        """ConflictError when another process uses it. ``on_damage`` asks for a fetch soon, from any thread."""
        self._on_damage = on_damage
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        self._write_trust()
        self._remove_left_overs()
        if not self._is_sound():
            self._made_anew(lambda _: None)
        self.git.attempt("config", _SHARED, _OWNER_ONLY)  # one that an older version made lacks it
        self._object_format = self.git.object_format

    @property
    def exists(self) -> bool:
        """True if this address was followed from this data folder before."""
        return self._folder.is_dir()

    def close(self) -> None:
        self.git.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def credentials(self) -> Hashable:
        """Another value once a file that decides about the server's answer has changed."""
        return self._remote.credentials()

    def default_branch(self) -> str:
        """The branch that the remote's HEAD points to, without ``refs/heads/``."""
        question = ("ls-remote", "--symref", "--end-of-options", self.address.location, "HEAD")
        output = self._remote.run(self.git, *question, timeout=_ASK)
        for line in output.decode("utf-8", "replace").splitlines():
            if line.startswith("ref: refs/heads/"):
                return branch_name(line.removeprefix("ref: ").partition("\t")[0])
        raise BranchNotFound(f"the HEAD of {self.address} names no branch", hint="name one with --branch")

    def branches(self) -> Mapping[str, str]:
        """Every branch of the server with its commit, asked without fetching anything."""
        question = ("ls-remote", "--heads", "--end-of-options", self.address.location)
        output = self._remote.run(self.git, *question, timeout=_ASK).decode("utf-8", "replace")
        rows = (line.partition("\trefs/heads/") for line in output.splitlines())
        return {name: commit for commit, _, name in rows if name}

    def fetch(self, branch: str, *, timeout: float | None = None) -> str:
        """The commit the branch is at now; a GitError leaves the mirror as it was."""
        with self._fetching:
            return self._fetch_intact(branch, timeout)

    def borrow(self, lender: Git, branch: str) -> str:
        """The same of a partial clone beside us, which nothing can be fetched from."""
        with self._fetching:
            if self._object_format != lender.object_format:
                self._object_format = lender.object_format
                self._made_anew(lambda _: None)
            return borrow(self.git, lender, branch, self._jobs)

    def fetch_blobs(self, blobs: Sequence[str]) -> None:
        """Contents that it lacks. A GitError when the server is away or does not give them."""
        with self._fetching:
            partial_clone.bring(self.git, self._remote, blobs)

    def suspect(self) -> None:
        """Something could not be read: the next fetch looks at every object, and makes the mirror anew if it must."""
        if not self._suspected.is_set():
            self._suspected.set()
            self._on_damage()

    def ref_files(self, branch: str) -> Hashable:
        """Equal values mean that it has the same commit; None where the next fetch may have something to mend."""
        is_ours = self._lock_file is not None and not self._lock_file.loss()
        return ref_files(self.git.place, tracked(branch)) if is_ours and not self._suspected.is_set() else None

    def check(self, branch: str) -> bool:
        """False when the next fetch makes the mirror anew. Reads every object that jobs need."""
        if is_borrowing(self._folder):
            return True  # what is missing there is not ours to mend
        if not self._folder.is_dir():
            self.suspect()
            return False
        with contextlib.suppress(Stopped):
            if self._fetched(branch) is None:
                return True  # nothing has been fetched, so nothing of it is damaged
        if not is_intact(self.git, tracked(branch), self._jobs):
            self.suspect()
        return not self._suspected.is_set()

    def _fetch_intact(self, branch: str, timeout: float | None) -> str:
        if self._lock_file is not None and (loss := self._lock_file.loss()):
            raise NotARepository(loss)  # another runner may have the mirror that is at this path by now
        before, since = self._fetched(branch), time.monotonic()
        head = None
        try:
            head = self._healed(branch, before, timeout)
        finally:
            result: Literal["updated", "unchanged", "failed"] = "unchanged" if head == before else "updated"
            if self._on_fetch is not None:
                self._on_fetch(result if head is not None else "failed", time.monotonic() - since)
        if head != before:
            self._tidy()
        return head

    def _fetched(self, branch: str) -> str | None:
        if not self._folder.is_dir():
            return None
        # Asked so that a ref of garbage is no error yet: the fetch is where that is seen and healed.
        asked = self.git.attempt("rev-parse", "--verify", "--quiet", "--end-of-options", tracked(branch))
        return asked.stdout.decode().strip() or None

    def _healed(self, branch: str, before: str | None, timeout: float | None) -> str:
        try:
            if self._is_damaged(branch, before) or not self._folder.is_dir():
                raise Corrupt("objects of the mirror are missing or unreadable")
            if is_borrowing(self._folder):
                return self.renew(branch)  # the lender is whole by now
            return self._fetch_unlocked(branch, before, timeout)
        except Corrupt as error:
            _log.warning("the mirror is damaged and will be recreated", extra={"error": str(error)})
            return self.renew(branch)
        except ObjectFormatMismatch as error:
            self._object_format = "sha256" if "server sha256" in str(error) else "sha1"
            return self.renew(branch)
        except partial_clone.Refused as error:
            _log.warning("the server serves no single objects; all contents are fetched", extra={"error": str(error)})
            return self.renew(branch, whole=True)
        except GitError as error:
            if type(error) is not GitError:
                raise
            self._suspected.set()  # git has more words for damage than we know
            if not self._is_damaged(branch, before):
                raise
            _log.warning("the mirror is damaged and will be recreated", extra={"error": str(error)})
            return self.renew(branch)

    def _is_damaged(self, branch: str, before: str | None) -> bool:
        """A suspicion is looked into once; one that proves right stays until the mirror has been made anew.

        After a false alarm not again for a minute: commits of a rewritten history may be asked for and be gone.
        """
        if before is None or not self._suspected.is_set():
            return False
        now = time.monotonic()
        if self._false_alarm is not None and now < self._false_alarm + _CALM:
            return False
        self._suspected.clear()
        if self.check(branch):
            self._false_alarm = now
            return False
        return True

    def _fetch_unlocked(self, branch: str, before: str | None, timeout: float | None) -> str:
        """Fetch; remove locks and try again if a killed git left some. This process owns the mirror and runs one fetch
        at a time."""
        try:
            return self._fetch(self.git, branch, before, timeout)
        except Locked as error:
            _log.warning("stale locks removed from the mirror", extra={"error": str(error)})
            self._remove_left_overs()
            return self._fetch(self.git, branch, before, timeout)

    def renew(self, branch: str, *, whole: bool = False) -> str:
        """A new copy beside the damaged one, which takes its place once it is complete."""

        def fill(git: Git) -> str:
            if whole:
                git.run("config", _WHOLE, "true")
            return self._fetch(git, branch, None, None)

        head = self._made_anew(fill)
        _log.info("the mirror was recreated", extra={"branch": branch, "commit": head})
        return head

    def _made_anew(self, fill: Callable[[Git], Made]) -> Made:
        """Filled beside the old one. What ran before the history was rewritten no server has: the old one gives it."""
        fresh = self._folder.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            self._create(fresh)
            with contextlib.closing(self._gateway(fresh)) as gateway:
                made = fill(gateway)
                carry_over(self._folder, gateway)
            self._replace(fresh)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return made

    def _replace(self, fresh: Path) -> None:
        """The folder is gone for one rename only; what reads the damaged one goes on with the new one's objects."""
        damaged = self._folder.with_suffix(".old")
        shutil.rmtree(damaged, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            self._folder.rename(damaged)
        fresh.rename(self._folder)
        self._suspected.clear()
        self.git.reset()
        shutil.rmtree(damaged, ignore_errors=True)

    def known(self, branch: str) -> str | None:
        """The commit of the last fetch."""
        return self.git.resolve(tracked(branch))

    def push(self, commit: str, ref: str) -> tuple[PushResult, str]:
        """A plain push of one commit to a full ref; with LOCKED comes the path of the lock, else what was said."""
        return push(self.git, self._remote, commit, ref, timeout=_FETCH)

    def _tidy(self) -> None:
        """Every fetch leaves a pack or loose objects; git's own housekeeping is off, for it would run behind our back.

        One thread and 64 MiB; what nothing refers to stays as it is.
        """
        objects = self._folder / "objects"
        packs, sample = len(list(objects.glob("pack/*.pack"))), len(list(objects.glob("17/*")))
        if packs <= _MOST_PACKS and sample * 256 <= _MOST_LOOSE:
            return
        try:
            self.git.run(*_REPACK, timeout=_FETCH)
        except Stopped:
            raise
        except GitError as error:
            _log.warning("maintenance of the mirror failed", extra={"error": str(error)})

    def _is_sound(self) -> bool:
        """True if git takes the folder for a repository at all; with a bad HEAD or config, or without objects, not."""
        return self._folder.is_dir() and self.git.attempt("rev-parse", "--git-dir").code == 0

    def _fetch(self, git: Git, branch: str, before: str | None, timeout: float | None) -> str:
        if timeout is None:
            timeout = _FIRST_FETCH if before is None else _FETCH
        filtering = (partial_clone.FILTER,) if self._filters(git) else ()
        refspec = f"+{heads(branch)}:{arriving(branch)}"
        # A copy of a shallow clone follows that one, whose history may be whole by now.
        deeper = ("--unshallow",) if boundary(git) else ()
        command = ("fetch", *_FETCH_OPTIONS, *filtering, *deeper, "--end-of-options", self.address.location, refspec)
        self._remote.run(git, *command, timeout=timeout)
        head = git.resolve(arriving(branch))
        if head is None:
            raise BranchNotFound(f'{self.address} has no branch "{branch}"', hint="check --branch")
        if head != before:
            if filtering:
                partial_clone.complete(git, self._remote, self._jobs, before, head)
            git.run("update-ref", tracked(branch), head)
        return head

    def _filters(self, git: Git) -> bool:
        """True if it is worth asking: a folder beside us costs no network, and the root leaves nothing out."""
        is_remote = self.address.path is None and self._jobs != "."
        return is_remote and git.attempt("config", "--get", _WHOLE).code != 0

    def _gateway(self, folder: Path, on_damage: Callable[[], None] = lambda: None) -> Git:
        return Git(
            RepositoryPaths(folder, folder, None),
            config=self.address.config,
            global_config=str(self._trust_file) if self.address.path is not None else os.devnull,
            on_damage=on_damage,
        )

    def _remove_left_overs(self) -> None:
        for left_over in _left_overs(self._folder):
            left_over.unlink(missing_ok=True)

    @property
    def _trust_file(self) -> Path:
        return self._folder.with_suffix(".trust")

    def _write_trust(self) -> None:
        """A folder of another user is read through git-upload-pack, which hears of safe.directory only in a file."""
        path = self.address.path
        if path is None:
            return
        places = {str(place) for folder in (path, path.resolve()) for place in (folder, folder / ".git")}
        escaped = (place.replace("\\", "\\\\").replace('"', '\\"') for place in sorted(places))
        content = "[safe]\n" + "".join(f'\tdirectory = "{place}"\n' for place in escaped)
        write_atomically(self._trust_file, content.encode())

    def _take_lock(self) -> None:
        path = self._folder.with_suffix(".lock")
        self._lock = open(path, "w", opener=open_private)  # noqa: SIM115 - see release
        try:
            file_lock.lock(self._lock)
            self._lock_file = OpenFile(path, os.fstat(self._lock.fileno()))
        except OSError as error:
            self._lock.close()
            self._lock = None
            message = f"another process follows {self.address} with the same data folder"
            raise ConflictError(message, hint="stop it, or give this one another --data") from error

    def _create(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        gateway = self._gateway(folder)
        try:
            gateway.run("init", "--quiet", "--bare", "--template=", f"--object-format={self._object_format}")
            gateway.run("config", _SHARED, _OWNER_ONLY)
            for path in make_private(folder):
                _log.warning("data_readable", extra={"path": str(path)})
        finally:
            gateway.close()


def _left_overs(folder: Path) -> Iterator[Path]:
    """Files that a killed git left behind. Only this process writes to the mirror, so every lock in it is stale."""
    with contextlib.suppress(OSError):
        yield from folder.glob("*.lock")
        yield from (folder / "refs").rglob("*.lock")
        yield from (folder / "objects").glob("*/tmp_*")
