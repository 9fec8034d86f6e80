"""A commit on the branch a person has checked out, that leaves everything else of theirs as it is."""

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from chronos_gitops.errors import ConflictError
from chronos_gitops.git.client import Git
from chronos_gitops.git.commit import Change, FileEdit, build, put
from chronos_gitops.git.errors import failure
from chronos_gitops.git.tree import read_file
from chronos_gitops.git.worktree.access import refuse_unwritable
from chronos_gitops.git.worktree.index_lock import IndexLock, Swap
from chronos_gitops.git.worktree.line_endings import checked_out
from chronos_gitops.jobs.validation.validate import git_blob_id
from chronos_gitops.process import failpoints


class Checkout:
    """The working tree, index and branch of a checkout."""

    def __init__(self, git: Git) -> None:
        assert git.place.root is not None
        self._git = git
        self._root = git.place.root
        self._index = git.place.git_dir / "index"
        self._lock = IndexLock(self._index)

    def recover(self) -> None:
        """Ends the commit of a process that was killed on the way; costs one failed open where there was none.

        Where the branch has the commit, the files and the index follow it, but for those that have been changed
        since; where it has not, nothing was done. The lock goes in both cases.
        """
        with self._lock.taken_over() as left:
            if left is not None and left.swap is not None and self._git.resolve(left.swap.ref) == left.swap.commit:
                untouched = self._on_disk([file for file in self._edits(left.swap) if self._is_untouched(file)])
                with self._following_index(untouched) as following:
                    self._follow(untouched, following)

    def refuse_dirty(self, files: Sequence[FileEdit]) -> None:
        """ConflictError when one of the files on disk or in the index is not the one that is committed."""
        for file in files:
            self._refuse_dirty(file.path, file.before or None)

    def refuse_unwritable(self, files: Sequence[FileEdit]) -> None:
        """ConflictError when the commit of these files could not be written here."""
        changed = [file.path for file in files if file.blob != file.before]
        if changed:
            refuse_unwritable(self._git.place, self._ref(), changed)

    def _ref(self) -> str:
        ref = self._git.head_ref()
        if ref is None:
            raise ConflictError("HEAD is detached: there is no branch to commit on", hint="git switch to a branch")
        return ref

    def _refuse_dirty(self, path: str, committed: str | None) -> None:
        if self._staged(path) not in ([] if committed is None else [committed], None):
            raise ConflictError(f"{path} has staged changes", hint="commit or unstage them first")
        link = self._link_above(path)
        if link is not None:
            raise ConflictError(f"{link} is a symbolic link; nothing is written through it")
        if not self._stands(path, committed):
            raise ConflictError(f"{path} has uncommitted changes", hint="commit them or take them back first")

    def _stands(self, path: str, blob: str | None) -> bool:
        """True if the file on disk has this content, or with None whether there is none."""
        file = self._root / path
        if blob is None:
            return not os.path.lexists(file)
        content = read_file(file)
        return content is not None and blob in (
            git_blob_id(content, like=blob),
            git_blob_id(content.replace(b"\r\n", b"\n"), like=blob),
        )

    def commit(self, parent: str, change: Change) -> str | None:
        """The new commit, or None when the branch has moved on from ``parent`` meanwhile; then nothing was changed.

        The steps are those of ``git commit --only``: the index is locked, its next state made beside it, the ref
        swapped by comparison, and then the files and the index are renamed into place. After a kill, ``recover``
        ends it.
        """
        ref = self._ref()
        self.refuse_unwritable(change.files)
        with self._lock.held() as lock:
            self.refuse_dirty(change.files)
            commit = build(self._git, parent, change)
            files = self._on_disk(change.files)
            with self._following_index(files) as following:
                lock.announce(Swap(ref, parent, commit))
                if not self._swap(ref, parent, commit, change):
                    return None
                failpoints.reach("after-swap-ref")
                try:
                    self._follow(files, following)
                except OSError as error:
                    raise ConflictError(
                        f"commit {commit[:12]} is on the branch, and the files could not follow: {error}",
                        hint="git restore --staged --worktree brings them to the commit",
                    ) from error
        return commit

    def _on_disk(self, files: Sequence[FileEdit]) -> list[FileEdit]:
        """With the contents that belong on disk, which may end their lines otherwise than the blobs."""
        return [replace(file, content=checked_out(self._git, self._root, file)) for file in files]

    def _follow(self, files: Sequence[FileEdit], following: Path | None) -> None:
        for file in files:
            self._write_file(file)
        failpoints.reach("after-files")
        if following is not None:
            fresh = self._index.with_name("index.chronos")
            shutil.copyfile(following, fresh)
            # The old time keeps git suspicious of files that are as young as the index (racy-git).
            shutil.copystat(self._index, fresh)
            fresh.replace(self._index)

    def _edits(self, swap: Swap) -> Iterator[FileEdit]:
        """The file edits of the commit, read from the commit."""
        rows = self._git.run("diff-tree", "-r", "-z", "--no-renames", "--end-of-options", swap.parent, swap.commit)
        words = rows.decode("utf-8", "surrogateescape").split("\0")
        for what, path in zip(words[::2], words[1::2], strict=False):
            _, mode, before, blob, _ = what.removeprefix(":").split()
            before, blob = ("" if not one.strip("0") else one for one in (before, blob))
            yield FileEdit(path, blob, before, self._git.read(blob) if blob else b"", mode)

    def _is_untouched(self, file: FileEdit) -> bool:
        """True if only the interrupted commit has changed the file, on disk and in the index."""
        for left_over in (self._root / file.path).parent.glob(f".{Path(file.path).name}.chronos-*"):
            left_over.unlink(missing_ok=True)
        states = [file.before or None, file.blob or None]
        if self._link_above(file.path) is not None:
            return False
        staged = self._staged(file.path)
        return staged in (None, *([] if one is None else [one] for one in states)) and any(
            self._stands(file.path, one) for one in states
        )

    def _staged(self, path: str) -> list[str] | None:
        """Ids in the index; None for a checkout that has no index."""
        if not self._index.exists():
            return None
        rows = self._git.run("ls-files", "--stage", "-z", "--", path).split(b"\0")
        return [row.split()[1].decode() for row in rows if row.endswith(b"\t" + os.fsencode(path))]

    def _link_above(self, path: str) -> Path | None:
        below_root = itertools.takewhile(lambda folder: folder != self._root, (self._root / path).parents)
        return next((folder for folder in below_root if folder.is_symlink()), None)

    @contextlib.contextmanager
    def _following_index(self, files: Sequence[FileEdit]) -> Iterator[Path | None]:
        """The index after the commit, made before anything is changed: where it cannot be made, nothing is."""
        if not self._index.exists():
            yield None
            return
        with tempfile.TemporaryDirectory(prefix="chronos-index-") as folder:
            copy = Path(folder, "index")
            shutil.copyfile(self._index, copy)
            put(self._git, copy, files)
            yield copy

    def _swap(self, ref: str, parent: str, commit: str, change: Change) -> bool:
        reason = f"chronos-gitops: {change.message.partition(chr(10))[0]}"
        done = self._git.attempt("update-ref", "-m", reason, ref, commit, parent, env=change.identity())
        if done.code != 0 and self._git.resolve(ref) == parent:
            raise failure(f"git update-ref {ref}", done.code, done.stderr)
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
