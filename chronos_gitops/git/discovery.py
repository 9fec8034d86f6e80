"""The repository that a path is in."""

import os
import re
from pathlib import Path
from typing import Final

from chronos_gitops.git.errors import NotARepository
from chronos_gitops.git.process_environment import gitpython, object_directory_hint
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.process.small_files import read_small_file

CHECKOUT_HINT: Final = "run the command in a checkout, or name one with --repo"
"""For commands that work on a checkout."""
_BUNDLE: Final = b"# v"  # gitformat-bundle(5), "# v2 git bundle" and "# v3 git bundle"
_MOVED_BY: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_CEILING_DIRECTORIES")
_MOVING: Final = re.compile(rb"worktree|include", re.IGNORECASE)
_BARE: Final = re.compile(rb"bare\s*(?:=(?!\s*false\b)|$)", re.IGNORECASE | re.MULTILINE)
"""Settings by which the files may be elsewhere, and which says that there are none."""
_PLAINLY_BARE: Final = re.compile(rb"^[ \t]*bare = true$", re.MULTILINE)
_GIT_FILE: Final = b"gitdir: "  # of a linked worktree or a submodule, gitrepository-layout(5)


@dataclass(frozen=True, slots=True)
class RepositoryPaths:
    """The folders of one repository: ``root`` is None for a bare one, ``common`` differs in a linked worktree."""

    git_dir: Path
    common: Path
    root: Path | None


def discover(path: Path, *, hint: str = "run git init there, or give a URL") -> RepositoryPaths:
    """The repository that holds this path. NotARepository, with the hint, when there is none."""
    plain = _plain_repository(path)
    if plain is not None:
        return plain
    _refuse_file(path)
    git = gitpython()
    try:
        repo = git.Repo(path, search_parent_directories=True, expand_vars=False)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        raise NotARepository(f"{path} is not in a git repository", hint=object_directory_hint() or hint) from error
    try:
        root = None if repo.working_tree_dir is None else Path(repo.working_tree_dir)
        if root is not None and not path.resolve().is_relative_to(root.resolve()):
            raise NotARepository(
                f"{path} is not in {root}, where its repository keeps files", hint="unset GIT_WORK_TREE"
            )
        return RepositoryPaths(Path(repo.git_dir).absolute(), Path(repo.common_dir).absolute(), root)
    finally:
        repo.git.clear_cache()


def _plain_repository(path: Path) -> RepositoryPaths | None:
    """A repository as ``git init`` and ``git clone`` make it, found without GitPython, whose import costs 100 ms, 6 MB
    and two processes; None for everything else, which GitPython judges."""
    if any(name in os.environ for name in _MOVED_BY) or str(path).startswith("~") or not path.is_dir():
        return None
    start = Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps the dots
    for root in (start, *start.parents):
        git_dir = root / ".git"
        if (root / "HEAD").exists() and (root / "objects").exists():
            is_bare = root == start == path.resolve() and not os.path.lexists(git_dir) and _is_plain(root, bare=True)
            return RepositoryPaths(root, root, None) if is_bare else None  # of all others GitPython knows what they are
        if os.path.lexists(git_dir):
            is_plain = not git_dir.is_symlink() and _is_plain(git_dir, bare=False)
            return (
                RepositoryPaths(git_dir, git_dir, root)
                if is_plain and path.resolve().is_relative_to(root.resolve())
                else None
            )
    return None


def _is_plain(git_dir: Path, *, bare: bool) -> bool:
    try:
        config = read_small_file(git_dir / "config")
    except OSError:
        return False
    whole = all((git_dir / name).is_dir() for name in ("objects", "refs")) and (git_dir / "HEAD").is_file()
    if not whole or (git_dir / "commondir").exists() or _MOVING.search(config):
        return False
    said = config.lower().count(b"bare")
    return said == len(_PLAINLY_BARE.findall(config)) == 1 if bare else not _BARE.search(config)


def _refuse_file(path: Path) -> None:
    """A file is no repository, and must not stand for the one whose folder it lies in."""
    if not path.is_file():
        return
    try:
        with path.open("rb") as file:
            head = file.read(32)
    except OSError as error:
        raise NotARepository(f"{path} cannot be read: {error.strerror}") from error
    if head.startswith(_BUNDLE) and b" git bundle\n" in head:
        raise NotARepository(
            f"{path} is a git bundle, a file that gets no commits and takes no rollback",
            hint=f"git clone {path} FOLDER, and follow that folder",
        )
    if not head.startswith(_GIT_FILE):
        raise NotARepository(f"{path} is a file, not a repository", hint="give the folder, or a URL")
