"""The repository that a path is in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chronos_gitops.git.environment import gitpython, object_directory_hint
from chronos_gitops.git.errors import NotARepository

_BUNDLE: Final = b"# v"  # gitformat-bundle(5), "# v2 git bundle" and "# v3 git bundle"
_GIT_FILE: Final = b"gitdir: "  # of a linked worktree or a submodule, gitrepository-layout(5)


@dataclass(frozen=True, slots=True)
class RepositoryPaths:
    """The folders of one repository: ``root`` is None for a bare one, ``common`` differs in a linked worktree."""

    git_dir: Path
    common: Path
    root: Path | None


def discover(path: Path) -> RepositoryPaths:
    """The repository that holds this path. NotARepository when there is none."""
    _refuse_file(path)
    git = gitpython()
    try:
        repo = git.Repo(path, search_parent_directories=True, expand_vars=False)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        hint = object_directory_hint() or "run git init there, or give a URL"
        raise NotARepository(f"{path} is not in a git repository", hint=hint) from error
    try:
        root = None if repo.working_tree_dir is None else Path(repo.working_tree_dir)
        if root is not None and not path.resolve().is_relative_to(root.resolve()):
            raise NotARepository(
                f"{path} is not in {root}, where its repository keeps files", hint="unset GIT_WORK_TREE"
            )
        return RepositoryPaths(Path(repo.git_dir).absolute(), Path(repo.common_dir).absolute(), root)
    finally:
        repo.git.clear_cache()


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
