"""The bytes that git would check out for a blob: line ends by the file that is there, else by git's own settings."""

from pathlib import Path

from chronos_gitops.git.client import Git
from chronos_gitops.git.commit import FileEdit
from chronos_gitops.git.tree import read_file
from chronos_gitops.jobs.validation.validate import git_blob_id


def checked_out(git: Git, root: Path, edit: FileEdit) -> bytes:
    """The content of the edit as it belongs on disk.

    A person's own core.autocrlf is not seen here, but its effect is: a file that differs from its blob by CRLF only.
    """
    on_disk = read_file(root / edit.path)
    if on_disk is None or not edit.before:
        return _as_git_says(git, edit) if edit.blob else b""
    if git_blob_id(on_disk, like=edit.before) == edit.before or b"\r\n" not in on_disk:
        return edit.content
    return edit.content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _as_git_says(git: Git, edit: FileEdit) -> bytes:
    """By .gitattributes and the repository's settings (gitattributes(5)); the program of a filter is never run."""
    asked = git.run("check-attr", "-z", "filter", "--", edit.path).split(b"\0")
    driver = asked[2].decode("utf-8", "replace") if len(asked) > 2 else "unspecified"
    env = git.with_config(
        [
            (f"filter.{driver}.smudge", ""),
            (f"filter.{driver}.clean", ""),
            (f"filter.{driver}.process", ""),
            (f"filter.{driver}.required", "false"),
        ]
    )
    return git.run("cat-file", "--filters", f"--path={edit.path}", edit.blob, env=env)
