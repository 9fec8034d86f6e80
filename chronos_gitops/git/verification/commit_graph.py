"""Commits with what verification asks about them: parents, tree, author, and the commits that they vouch for."""

import re
from collections.abc import Sequence
from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.commit import clean
from chronos_gitops.git.errors import Corrupt
from chronos_gitops.process.lazy_dataclass import dataclass

TRAILER: Final = "Chronos-Vouch"
_FORMAT: Final = f"%H%x00%P%x00%T%x00%an%x00%(trailers:key={TRAILER},valueonly,separator=%x20,unfold)"
_FIELDS: Final = 5
_ID: Final = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_TIMEOUT: Final = 300.0


@dataclass(frozen=True, slots=True)
class CommitNode:
    """``vouches`` are the full ids in its trailers, which count only if it is signed."""

    sha: str
    parents: tuple[str, ...]
    tree: str
    author: str
    vouches: tuple[str, ...]


def commits_after(git: Git, head: str, excluded: Sequence[str]) -> list[CommitNode]:
    """Every commit that ``head`` reaches and none of ``excluded`` does, over all parents, oldest first."""
    span = [head, *(f"^{commit}" for commit in excluded)]
    return _log(git, "--topo-order", "--reverse", revisions=span)


def commit_node(git: Git, commit: str) -> CommitNode:
    return _log(git, "--no-walk", revisions=[commit])[0]


def is_commit_id(text: str) -> bool:
    """True if it is a full commit id in lower case, SHA-1 or SHA-256."""
    return _ID.match(text) is not None


def _log(git: Git, *options: str, revisions: Sequence[str]) -> list[CommitNode]:
    output = git.run(
        "log",
        *options,
        "--no-patch",
        "-z",
        f"--format={_FORMAT}",
        "--stdin",
        stdin="".join(f"{revision}\n" for revision in revisions).encode(),
        timeout=_TIMEOUT,
    )
    *fields, rest = output.decode("utf-8", "replace").split("\0")
    if rest or len(fields) % _FIELDS or not all(map(is_commit_id, fields[::_FIELDS])):
        raise Corrupt("git log printed something else than commits")
    return [_node(fields[start : start + _FIELDS]) for start in range(0, len(fields), _FIELDS)]


def _node(fields: Sequence[str]) -> CommitNode:
    sha, parents, tree, author, vouches = fields
    named = tuple(word for word in vouches.split() if is_commit_id(word))
    return CommitNode(sha, tuple(parents.split()), tree, clean(author)[:100] or "an unnamed author", named)
