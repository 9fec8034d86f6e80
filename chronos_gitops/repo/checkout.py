"""A commit on the branch a person has checked out, that leaves everything else of theirs as it is."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from chronos_gitops.errors import ConflictError
from chronos_gitops.jobs.load import git_blob_id
from chronos_gitops.repo.commit import Change, FileEdit, build, put
from chronos_gitops.repo.git import Git
from chronos_gitops.repo.snapshot import read_file

_LOCK_PATIENCE: Final = 2.0
_LOCK_STEP: Final = 0.02


class Checkout:
    """The working tree, index and branch of a checkout."""

    def __init__(self, git: Git) -> None:
        assert git.place.root is not None
        self._git = git
        self._root = git.place.root
        self._index = git.place.git_dir / "index"

    def refuse_dirty(self, files: Sequence[FileEdit]) -> None:
        """ConflictError when one of the files on disk or in the index is not the one that is committed."""
        for file in files:
            self._refuse_dirty(file.path, file.before or None)

    def _refuse_dirty(self, path: str, committed: str | None) -> None:
        if self._staged(path) not in ([] if committed is None else [committed], None):
            raise ConflictError(f"{path} has staged changes", hint="commit or unstage them first")
        self._refuse_links(path)
        file = self._root / path
        if committed is None:
            clean = not os.path.lexists(file)
        else:
            content = read_file(file)
            ids = () if content is None else (git_blob_id(content), git_blob_id(content.replace(b"\r\n", b"\n")))
            clean = committed in ids
        if not clean:
            raise ConflictError(f"{path} has uncommitted changes", hint="commit them or take them back first")

    def commit(self, parent: str, change: Change) -> str | None:
        """The new commit, or None when the branch has moved on from ``parent`` meanwhile; then nothing was changed.

        The steps are those of ``git commit --only``: the index is locked, its next state made beside it, the ref
        swapped by comparison, and then the files and the index are renamed into place.
        """
        ref = self._git.head_ref()
        if ref is None:
            raise ConflictError("HEAD is detached: there is no branch to commit on", hint="git switch to a branch")
        with self._locked_index() as lock:
            self.refuse_dirty(change.files)
            commit = build(self._git, parent, change)
            with tempfile.TemporaryDirectory(prefix="chronos-index-") as folder:
                following = self._following_index(Path(folder), change)
                if not self._swap(ref, parent, commit, change):
                    return None
                for file in change.files:
                    self._write_file(file)
                if following is not None:
                    shutil.copyfile(following, lock)
                    # The old time keeps git suspicious of files that are as young as the index (racy-git).
                    shutil.copystat(self._index, lock)
                    lock.replace(self._index)
        return commit

    def _staged(self, path: str) -> list[str] | None:
        """Ids in the index; None for a checkout that has no index."""
        if not self._index.exists():
            return None
        rows = self._git.run("ls-files", "--stage", "-z", "--", path).split(b"\0")
        return [row.split()[1].decode() for row in rows if row.endswith(b"\t" + os.fsencode(path))]

    def _refuse_links(self, path: str) -> None:
        for folder in (self._root / path).parents:
            if folder == self._root:
                return
            if folder.is_symlink():
                raise ConflictError(f"{folder} is a symbolic link; nothing is written through it")

    def _following_index(self, folder: Path, change: Change) -> Path | None:
        if not self._index.exists():
            return None
        copy = folder / "index"
        shutil.copyfile(self._index, copy)
        put(self._git, copy, change.files)
        return copy

    def _swap(self, ref: str, parent: str, commit: str, change: Change) -> bool:
        reason = f"chronos-gitops: {change.message.partition(chr(10))[0]}"
        done = self._git.attempt("update-ref", "-m", reason, ref, commit, parent, env=change.identity())
        return done.code == 0

    def _write_file(self, edit: FileEdit) -> None:
        file = self._root / edit.path
        if not edit.blob:
            file.unlink(missing_ok=True)
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f".{file.name}.chronos-{os.getpid()}")
        fresh.unlink(missing_ok=True)
        permissions = 0o777 if edit.mode == "100755" else 0o666
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, permissions)
        with os.fdopen(descriptor, "wb") as out:
            out.write(edit.content)
            out.flush()
            os.fsync(out.fileno())
        if file.exists():
            shutil.copymode(file, fresh)
        fresh.replace(file)

    @contextlib.contextmanager
    def _locked_index(self) -> Iterator[Path]:
        """The lock git itself takes (``index.lock``); gone again in every case."""
        lock = self._index.with_name("index.lock")
        until = time.monotonic() + _LOCK_PATIENCE
        while True:
            try:
                os.close(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
                break
            except FileExistsError as error:
                if time.monotonic() > until:
                    raise ConflictError(
                        f"another git command works on {self._root}", hint=f"wait for it, or remove a stale {lock}"
                    ) from error
                time.sleep(_LOCK_STEP)
        try:
            yield lock
        finally:
            lock.unlink(missing_ok=True)
