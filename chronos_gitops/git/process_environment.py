"""The caller's environment for git: whether there is a git, and where a server's hook finds new objects."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chronos_gitops.git.errors import GitMissing

if TYPE_CHECKING:
    from types import ModuleType

_QUARANTINE: Final = ("GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")


def gitpython() -> "ModuleType":
    """GitPython, which takes 112 ms to import and looks for git meanwhile. GitMissing when there is none in PATH."""
    try:
        import git
    except ImportError as error:
        raise GitMissing from error
    return git


def quarantine(common: Path) -> dict[str, str]:
    """In a pre-receive hook pushed objects are in a folder of their own (git-receive-pack(1), quarantine environment).

    Only where that folder is inside this repository: the variables of another one would hide its objects.
    """
    path = os.environ.get(_QUARANTINE[0])
    if not path or not Path(path).resolve().is_relative_to((common / "objects").resolve()):
        return {}
    return {name: os.environ[name] for name in _QUARANTINE if name in os.environ}


def object_directory_hint() -> str:
    """A hint for a folder that does not look like a repository because a variable moves its objects; "" otherwise."""
    path = os.environ.get("GIT_OBJECT_DIRECTORY")
    if path and not Path(path).is_dir():
        return f"unset GIT_OBJECT_DIRECTORY: {path} does not exist"
    return ""
