"""Which two trees ``plan`` compares: two commits as merging would leave them, or a commit and the files on disk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chronos_gitops.errors import NotFoundError, UsageError
from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import PathMissing
from chronos_gitops.git.ignore_file import without_ignored_at, without_ignored_on_disk
from chronos_gitops.git.log import recent
from chronos_gitops.git.tree import CommitFiles, NoFiles, Scanner
from chronos_gitops.git.verification.vouching import claimed
from chronos_gitops.jobs.validation.files import Files
from chronos_gitops.jobs.validation.validate import TreeResult, validate_tree
from chronos_gitops.plans.wording import Sides
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.sync.content.tree_layers import read_layers_at
from chronos_gitops.sync.reconcile import allowed_deletions
from chronos_gitops.versions.history import History, Index, LazyIndex, Versions

WORKTREE: Final = "worktree"
_NOTHING: Final = TreeResult((), {}, ())
_CONFLICTS: Final = 1


@dataclass(frozen=True, slots=True)
class Side:
    """The files of one side of a comparison, and their history. ``loaded`` is not yet validated for an environment."""

    loaded: TreeResult
    versions: Versions
    files: Files


@dataclass(frozen=True, slots=True)
class ComparedTrees:
    """Both sides; ``notes`` are about why these. ``allowed_deletions`` is what the commit after says of them."""

    before: Side
    after: Side
    sides: Sides
    notes: tuple[str, ...] = ()
    allowed_deletions: int | None = None


def compare(git: Git, base: str, head: str | None, jobs: str, *, is_direct: bool) -> ComparedTrees:
    """``is_direct``: the two sides as they are, without looking for what both branches have in common."""
    if head is None:
        return _with_worktree(git, base, jobs, is_direct=is_direct)
    base_commit, head_commit = _commit(git, base), _commit(git, head)
    before, after = base_commit, head_commit
    notes: tuple[str, ...] = ()
    if not is_direct and not _is_linear(git, base_commit, head_commit):
        before, after, notes = _merged(git, base_commit, head_commit)
    is_merged = after != head_commit
    vouched = claimed(git, base_commit, head_commit)
    sides = Sides(base, head, before, head_commit, is_merged=is_merged, vouched=vouched)
    history = History(git, jobs)
    before_side = _at(git, before, jobs, LazyIndex(history, before), is_base=True)
    # A merge goes on from the base: who owned a name there keeps it.
    stands_on = before if is_merged else head_commit
    after_side = _at(git, after, jobs, LazyIndex(history, stands_on), head=stands_on)
    return ComparedTrees(before_side, after_side, sides, notes, None if is_merged else _allowed(git, head_commit))


def _with_worktree(git: Git, base: str, jobs: str, *, is_direct: bool) -> ComparedTrees:
    """Where the branch left ``base``, so that what ``base`` got since then does not look taken away here."""
    if base == "HEAD" and git.resolve("HEAD") is None:
        return ComparedTrees(Side(_NOTHING, Index(), NoFiles()), _on_disk(git, jobs, Index()), Sides(base, WORKTREE))
    given = _commit(git, base)
    left = given if is_direct else _common(git, given, "HEAD") or given
    moved_on = f"note: {base} has moved on since this branch left it at {left[:12]}"
    notes = () if left == given else (moved_on,)
    history = History(git, jobs)
    before = _at(git, left, jobs, LazyIndex(history, left), is_base=True)
    after = _on_disk(git, jobs, LazyIndex(history, git.resolve("HEAD")))
    return ComparedTrees(before, after, Sides(base, WORKTREE, left, vouched=claimed(git, left, "HEAD")), notes)


def _allowed(git: Git, head: str) -> int | None:
    """The number of deletions that the commit allows, as a runner reads it."""
    newest = recent(git, head, 1)[0]
    return allowed_deletions(newest.message) if newest.body else None


def _merged(git: Git, base: str, head: str) -> tuple[str, str, tuple[str, ...]]:
    """The commit before, the tree after merging (git-merge-tree(1), nothing is checked out), and notes."""
    done = git.attempt("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", base, head)
    tree, *conflicts = done.stdout.decode("utf-8", "replace").rstrip("\0").split("\0")
    if done.code == 0:
        return base, tree, ()
    left = _common(git, base, head)
    if left is None:
        return base, head, ("note: the two have no commit in common; they are compared as they are",)
    why = "git 2.38 or newer can merge them; this one cannot"
    if done.code == _CONFLICTS:
        why = f"merging them conflicts in {_listed(conflicts)}"
    return left, head, (f"note: {why}; this is what the branch does to {left[:12]}, where it began",)


def _listed(paths: Sequence[str]) -> str:
    shown = list(dict.fromkeys(filter(None, paths)))
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more files" if len(shown) > 3 else "")


def _is_linear(git: Git, base: str, head: str) -> bool:
    """True if one follows from the other, so that there is nothing to merge."""
    return _common(git, base, head) in (base, head)


def _common(git: Git, one: str, other: str) -> str | None:
    done = git.attempt("merge-base", one, other)
    return done.stdout.decode().strip() if done.code == 0 else None


def _commit(git: Git, ref: str) -> str:
    commit = git.resolve(ref)
    if commit is None:
        hint = "in CI, fetch the whole history (fetch-depth: 0)"
        raise NotFoundError(f'there is no commit "{ref}" in {git.place.root or git.place.git_dir}', hint=hint)
    return commit


def _at(git: Git, tree: str, jobs: str, versions: Versions, *, head: str | None = None, is_base: bool = False) -> Side:
    """The jobs of a commit, or of a tree on top of the commit ``head``; a base without a jobs folder has none:
    everything is new then."""
    try:
        files = CommitFiles(git, tree, jobs)
    except PathMissing:
        if is_base:
            return Side(_NOTHING, versions, NoFiles())
        raise
    found = without_ignored_at(files, git, tree, jobs)
    return Side(_judged(found, git, head or tree, versions), versions, found)


def _on_disk(git: Git, jobs: str, versions: Versions) -> Side:
    root = git.place.root
    if root is None:
        raise NotFoundError("a bare repository has no files on disk", hint="name two commits: plan BASE HEAD")
    below = (root.joinpath(*Path(jobs).parts[:depth]) for depth in range(1, len(Path(jobs).parts) + 1))
    own = next((folder for folder in below if (folder / ".git").exists()), None)
    if own is not None:
        raise UsageError(f"{own} is a repository of its own, such as a submodule", hint="run the command in it")
    files = without_ignored_on_disk(Scanner(root, jobs).scan({}), root, jobs)
    return Side(_judged(files, git, git.resolve("HEAD"), versions), versions, files)


def _judged(files: Files, git: Git, head: str | None, versions: Versions) -> TreeResult:
    return validate_tree(files, incumbents=versions, layers=read_layers_at(files, git, head))
