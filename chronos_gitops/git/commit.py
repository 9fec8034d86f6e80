"""Files as a new commit on top of another, made from objects: no checkout, no hooks, no filters, no shared index."""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from chronos_gitops.errors import ConflictError
from chronos_gitops.git.client import Git
from chronos_gitops.process.lazy_dataclass import dataclass


def clean(text: str) -> str:
    """One printable line of at most 500 characters: nothing in it can begin a trailer of its own."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:500]


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    email: str

    def cleaned(self) -> "Person":
        """As git takes it (git-commit-tree(1)): no angle brackets, no line breaks, neither part empty."""
        name = clean(re.sub(r"[<>]", "", self.name))[:100].strip(".,:;\"' ")
        email = re.sub(r"[<>\s]", "", clean(self.email))[:200]
        return Person(name or "somebody", email or "unknown@localhost")

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


NEW_FILE_MODE: Final = "100644"
_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class FileEdit:
    """One file as the commit leaves it.

    ``blob`` is in the object store, or made of ``content`` when it is committed where it is not ``is_stored``; it is
    empty where the file goes. ``before`` is what is committed there now, empty for nothing. ``mode`` is git's.
    """

    path: str
    blob: str
    before: str = ""
    content: bytes = b""
    mode: str = NEW_FILE_MODE
    is_stored: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """The content of a commit, written as a whole or not at all. ``signing_key`` is an SSH key file (git-config(1))."""

    files: tuple[FileEdit, ...]
    message: str
    author: Person
    committer: Person
    at: datetime
    signing_key: Path | None = None

    def identity(self) -> dict[str, str]:
        """The variables git-commit-tree(1) takes people and times from."""
        moment = f"@{int(self.at.astimezone(UTC).timestamp())} +0000"
        author, committer = self.author.cleaned(), self.committer.cleaned()
        return {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_AUTHOR_DATE": moment,
            "GIT_COMMITTER_NAME": committer.name,
            "GIT_COMMITTER_EMAIL": committer.email,
            "GIT_COMMITTER_DATE": moment,
        }


def build(git: Git, parent: str, change: Change) -> str:
    """The id of the new commit; no ref points at it yet. ConflictError where a folder stands in a file's way."""
    for file in change.files:
        if not file.is_stored:
            git.run("hash-object", "-w", "--stdin", stdin=file.content)
    with tempfile.TemporaryDirectory(prefix="chronos-index-") as folder:
        index = Path(folder, "index")
        git.run("read-tree", "--end-of-options", parent, env={"GIT_INDEX_FILE": str(index)})
        put(git, index, change.files)
        # What the parent has is taken as it stands: contents of other folders may not be here (repo/blobless).
        tree = git.run("write-tree", "--missing-ok", env={"GIT_INDEX_FILE": str(index)}).decode().strip()
    signed = () if change.signing_key is None else ("-S",)
    key = () if change.signing_key is None else ("-c", "gpg.format=ssh", "-c", f"user.signingKey={change.signing_key}")
    made = git.run(
        *key, "commit-tree", *signed, "-p", parent, tree, stdin=change.message.encode(), env=change.identity()
    )
    return made.decode().strip()


def put(git: Git, index: Path, files: Sequence[FileEdit]) -> None:
    """Writes the entries into an index file of ours, what goes away first.

    Git would compare files as young as the index with their entries again, through the clean filters of the checkout
    (racy-git). It looks for them in the index's own folder instead, where there are none.
    """
    folder = str(index.parent)
    apart = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": folder}
    gone = b"".join(file.path.encode() + b"\0" for file in files if not file.blob)
    if gone:
        git.run("-C", folder, "update-index", "--force-remove", "-z", "--stdin", stdin=gone, env=apart)
    entries = [f"{file.mode},{file.blob},{file.path}" for file in files if file.blob]
    for few in _few(entries):
        options = [word for entry in few for word in ("--cacheinfo", entry)]
        if git.attempt("-C", folder, "update-index", "--add", *options, env=apart).code != 0:
            paths = ", ".join(file.path for file in files if file.blob)
            raise ConflictError(f"{paths} cannot be written: something else stands there", hint="move it away first")


def standing(git: Git, commit: str, paths: Sequence[str]) -> Mapping[str, tuple[str, str]]:
    """Git's mode and the object at each of the paths, without those where nothing is; "040000" is a folder."""
    found = {}
    for few in _few(paths):
        rows = git.run("ls-tree", "-z", "--full-tree", "--end-of-options", commit, *few).split(b"\0")
        for words, _, path in (row.partition(b"\t") for row in rows if row):
            mode, _, blob = words.decode().split()
            found[path.decode("utf-8", "replace")] = (mode, blob)
    return found


def _few(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """A command line has an end."""
    for start in range(0, len(words), _AT_ONCE):
        yield words[start : start + _AT_ONCE]
