"""Folders of job files, as CODEOWNERS and the API's ``path`` write them: from the repository root."""

from collections.abc import Iterable
from pathlib import PurePosixPath


def is_path_in(path: str | None, folder: str) -> bool:
    """``jobs/team-a/x.yaml`` is in ``jobs/team-a``, not in ``jobs/team``. A path with ``..`` is in no folder."""
    if path is None or ".." in PurePosixPath(path).parts:
        return False
    return PurePosixPath(path).is_relative_to(PurePosixPath(folder))


def folder_of(path: str) -> str:
    """``jobs/billing`` of ``jobs/billing/charge.yaml``; ``.`` at the repository's root."""
    return str(PurePosixPath(path).parent)


def one_of_each_folder(paths: Iterable[str]) -> dict[str, str]:
    """The last of these paths in each folder, by folder ("" at the root): the jobs of a folder have the same layers."""
    return {path.rpartition("/")[0]: path for path in paths}


def inside(path: str, folder: str) -> str:
    """A path from the repository root as a path from the jobs folder."""
    return path if folder in ("", ".") else path[len(folder) + 1 :]


def outside(path: str, folder: str) -> str:
    """The inverse: a path from the jobs folder as a path from the repository root."""
    return path if folder in ("", ".") else f"{folder}/{path}"
