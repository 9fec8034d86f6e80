"""The files of the folders that ``--environment NAME=FOLDER`` names, and the folded ones on disk."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from chronos_gitops.cli.checkout.autofix_files import replace_file
from chronos_gitops.cli.checkout.folding.environment_folder import EnvironmentFolder
from chronos_gitops.cli.checkout.folding.environment_folding import Folding
from chronos_gitops.cli.checkout.local_files import jobs_folder, refuse_link, shown, top_of
from chronos_gitops.cli.checkout.validate_scope import scope
from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.layers.file_roles import MOST_ENVIRONMENTS, is_environment_name
from chronos_gitops.jobs.validation.files import Files
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class AskedFolders:
    """``files`` are those of the jobs folder ``top``, None where it is not there yet; ``roots`` are the folders."""

    folders: Sequence[EnvironmentFolder]
    files: Files | None
    top: str
    roots: Sequence[Path]


def folders_of(given: Sequence[str], jobs: str) -> AskedFolders:
    """Folders in the jobs folder, or jobs folders of their own beside it. UsageError."""
    named = dict(map(_named, given))
    if len(named) < 2 or len(named) < len(given) or len(named) > MOST_ENVIRONMENTS:
        hint = "for example --environment production=jobs/production --environment staging=jobs/staging"
        raise UsageError(f"--environment names 2 to {MOST_ENVIRONMENTS} environments, each once", hint=hint)
    found = jobs_folder(jobs)
    top = str(found) if found is not None else jobs
    tops = {name: top_of(folder, jobs).resolve() for name, folder in named.items()}
    is_inside = {name: one == Path(top).resolve() and one != named[name].resolve() for name, one in tops.items()}
    if len(set(is_inside.values())) > 1:
        raise UsageError(f"the folders stand either all in {top} or all beside it")
    resolved = {folder.resolve() for folder in named.values()}
    if len(resolved) < len(named) or any(not resolved.isdisjoint(one.parents) for one in resolved):
        raise UsageError("each environment has a folder of its own, outside of the others")
    files = scope([top], jobs, None).files if found is not None else None
    if all(is_inside.values()):
        assert files is not None
        places = {name: folder.resolve().relative_to(tops[name]).as_posix() for name, folder in named.items()}
        folders = [EnvironmentFolder(name, files, place) for name, place in places.items()]
    else:
        folders = [
            EnvironmentFolder(name, scope([os.path.relpath(folder)], folder.name, None).files, "")
            for name, folder in named.items()
        ]
    return AskedFolders(folders, files, top, [*named.values()])


def _named(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not equals or not is_environment_name(name):
        raise UsageError(f'--environment "{text}" is not NAME=FOLDER', hint="like staging=jobs/staging")
    path = Path(folder)
    if not path.is_dir():
        raise UsageError(f"there is no folder {shown(folder)}")
    refuse_link(path)
    return name, path


def write(found: Folding, asked: AskedFolders) -> None:
    """New files first; then those that were folded go, and the folders that hold nothing any more."""
    for one in found.files:
        if one.after is not None:
            path = Path(one.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, one.after.encode())
    for one in found.files:
        if one.after is None:
            Path(one.path).unlink(missing_ok=True)
    for root in asked.roots:
        for folder, _, _ in os.walk(root, topdown=False):
            with suppress(OSError):  # it holds other files
                Path(folder).rmdir()
