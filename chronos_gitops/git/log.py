"""The commits of a first-parent chain that touched job files, in one pass of ``git log --raw``."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import Corrupt, GitError
from chronos_gitops.git.incomplete_clone import PresentObjects, boundary
from chronos_gitops.jobs.files.job_files import ignore_file, is_job_file
from chronos_gitops.jobs.folders import inside
from chronos_gitops.process.lazy_dataclass import dataclass

_FORMAT: Final = "%x01%H%x00%an%x00%ae%x00%ct%x00%B"
_REGULAR: Final = ("100644", "100755")
_NOTHING: Final = "000000"
_LONGEST_MESSAGE: Final = 16_384
_LAST_SECOND: Final = 253_402_300_799  # the end of year 9999, where datetime ends
_TIMEOUT: Final = 300.0


@dataclass(frozen=True, slots=True)
class Edit:
    """A path after the commit; ``blob`` is empty when no regular file stands there any more. ``is_gone``: nothing else
    does, either."""

    path: str
    blob: str
    is_gone: bool = True


@dataclass(frozen=True, slots=True)
class Commit:
    sha: str
    author_name: str
    author_email: str
    committed_at: datetime
    subject: str
    body: str
    edits: tuple[Edit, ...] = ()

    @property
    def message(self) -> str:
        return f"{self.subject}\n\n{self.body}"


@dataclass(frozen=True, slots=True)
class Chronicle:
    """``start`` is the first commit when what was before it is not here: what it changed cannot be told then."""

    commits: list[Commit]
    start: str | None = None


def chronicle(objects: PresentObjects, jobs: str, since: str | None, head: str) -> Chronicle:
    """The commits after ``since``, or as many as can be read. Corrupt where ``since`` is given and one cannot be."""
    git = objects.git
    try:
        found = commits(git, jobs, since, head)
    except Corrupt:
        if since is not None or not objects.is_partial:
            raise
        start = _first_readable(git, jobs, head)
        return Chronicle([_whole(git, jobs, start), *commits(git, jobs, start, head)], start)
    return Chronicle(found, None if since is not None else _shallow_start(git, head))


def _shallow_start(git: Git, head: str) -> str | None:
    """Where the chain ends because a shallow clone does; None where it ends because it began."""
    cut = boundary(git)
    if not cut:
        return None
    root = git.run("rev-list", "--first-parent", "--max-parents=0", "--end-of-options", head, "--", timeout=_TIMEOUT)
    return next((commit for commit in root.decode().split() if commit in cut), None)


def _first_readable(git: Git, jobs: str, head: str) -> str:
    """The oldest commit of the chain down to which every tree is here; the chain is cut in halves to find it."""
    chain = git.run("rev-list", "--first-parent", "--end-of-options", head, "--", timeout=_TIMEOUT).decode().split()
    good, step = 0, 1
    while good + step < len(chain) and _is_readable(git, jobs, chain[good + step], head):
        good, step = good + step, step * 2
    while step > 1:
        step //= 2
        if good + step < len(chain) and _is_readable(git, jobs, chain[good + step], head):
            good += step
    return chain[good]


def _is_readable(git: Git, jobs: str, since: str, head: str) -> bool:
    try:
        commits(git, jobs, since, head)
    except Corrupt:
        return False
    return True


def _whole(git: Git, jobs: str, commit: str) -> Commit:
    """The commit as if it had made every job file that it has."""
    paths = [] if jobs == "." else [jobs]
    listing = git.run("ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit, *paths)
    edits = []
    for words, _, path in (row.partition(b"\t") for row in listing.split(b"\0") if row):
        mode, _, blob = words.decode().split()
        edits.append(Edit(sys.intern(path.decode("utf-8", "replace")), sys.intern(blob) if mode in _REGULAR else ""))
    return replace(recent(git, commit, 1)[0], edits=tuple(edit for edit in edits if concerns(edit.path, jobs)))


def commits(git: Git, jobs: str, since: str | None, head: str) -> list[Commit]:
    """Oldest first. A merge is one commit: what it changed against its first parent (git-log(1), --diff-merges)."""
    span = head if since is None else f"{since}..{head}"
    paths = [] if jobs == "." else [jobs]
    output = git.run(
        "log",
        "--first-parent",
        "--diff-merges=first-parent",
        "--raw",
        "-z",
        "--no-renames",
        "--no-abbrev",
        "--no-ext-diff",
        "--no-textconv",
        "--reverse",
        f"--format={_FORMAT}",
        "--end-of-options",
        span,
        "--",
        *paths,
        timeout=_TIMEOUT,
    )
    return list(_parsed(output, jobs))


def continues(git: Git, since: str, head: str) -> bool:
    """True if ``since`` stands on the first-parent chain of ``head``.

    Being an ancestor is not enough: after a merge with swapped parents the old tip is an ancestor and yet has left
    the chain, and every version would be numbered anew.
    """
    if since == head:
        return True
    done = git.attempt("rev-list", "--first-parent", "--parents", "--end-of-options", f"{since}..{head}", "--")
    lines = done.stdout.decode().splitlines() if done.code == 0 else []
    return bool(lines) and lines[-1].split()[1:2] == [since]


def contains(git: Git, head: str | None, commit: str) -> bool:
    """True if the commit is in the history of ``head``; no, where that cannot be told."""
    if head is None:
        return False
    try:
        return git.attempt("merge-base", "--is-ancestor", "--end-of-options", commit, head).code == 0
    except GitError:
        return False


def distance(git: Git, since: str, head: str) -> int:
    """Number of commits in the history of ``head`` that are not in that of ``since``."""
    return int(git.run("rev-list", "--count", "--end-of-options", f"{since}..{head}", "--"))


def day_of(git: Git, commit: str) -> date | None:
    """Of the commit, in UTC; None for what is no commit, such as the tree of a merge that is tried."""
    try:
        return recent(git, commit, 1)[0].committed_at.astimezone(UTC).date()
    except (GitError, IndexError):
        return None


def commits_of_path(git: Git, head: str, path: str, count: int) -> list[str]:
    """The newest commits of the chain that changed the file, newest first."""
    span = ("--first-parent", f"--max-count={count}", "--format=%H", "--end-of-options", head, "--", path)
    return git.run("log", "--diff-merges=first-parent", *span, timeout=_TIMEOUT).decode().split()


def recent(git: Git, head: str, count: int) -> list[Commit]:
    """The newest commits of the chain, newest first, without their edits."""
    output = git.run(
        "log",
        "--first-parent",
        "--no-patch",
        "-z",
        f"--max-count={count}",
        f"--format={_FORMAT}",
        "--end-of-options",
        head,
        "--",
    )
    return list(_parsed(output))


def _parsed(output: bytes, jobs: str = ".") -> Iterator[Commit]:
    """Header, four more fields, then pairs of ``:modes blobs status`` and path, all ended by NUL.

    The place of a token and not its looks says what it is: a commit message cannot forge a record.
    """
    tokens = output.split(b"\0")
    at = 0
    while at + 4 < len(tokens):
        sha, name, email, seconds, message = (token.decode("utf-8", "replace") for token in tokens[at : at + 5])
        at += 5
        edits: list[Edit] = []
        while at + 1 < len(tokens) and tokens[at].lstrip(b"\n").startswith(b":"):
            path = sys.intern(tokens[at + 1].decode("utf-8", "replace"))
            if concerns(path, jobs):
                edits.append(_edit(tokens[at].decode(), path))
            at += 2
        subject, _, body = message[:_LONGEST_MESSAGE].strip().partition("\n")
        author = sys.intern(name), sys.intern(email)  # of many commits
        yield Commit(sha.strip().lstrip("\x01"), *author, _instant(seconds), subject, body.strip(), tuple(edits))


def concerns(path: str, jobs: str) -> bool:
    """True for a file whose edits matter to versions: one that may be a job, and the ignore file."""
    return is_job_file(inside(path, jobs)) or path == ignore_file(jobs)


def _edit(raw: str, path: str) -> Edit:
    _, mode, _, blob, _ = raw.split()
    return Edit(path, sys.intern(blob) if mode in _REGULAR else "", mode == _NOTHING)


def _instant(seconds: str) -> datetime:
    """A commit may claim any time; what no calendar holds becomes the nearest it does."""
    value = int(seconds) if seconds.lstrip("-").isdigit() else 0
    return datetime.fromtimestamp(min(max(value, 0), _LAST_SECOND), UTC)
