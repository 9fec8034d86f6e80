"""The scope of ``validate``: the files it reads, those it reports on, and the names of known secrets."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chronos_gitops.cli.checkout.local_files import (
    LocalFiles,
    job_files,
    jobs_folder,
    reason_left_out,
    rest_of_tree,
    shown,
    top_of,
)
from chronos_gitops.errors import ChronosError, UsageError
from chronos_gitops.jobs.layers.file_roles import DEFAULTS, ENVIRONMENTS
from chronos_gitops.jobs.templates import templates
from chronos_gitops.jobs.validation.files import EditedFiles, TreeEntry
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.process.small_files import read_small_file

if TYPE_CHECKING:
    from chronos_gitops.git.client import Git
    from chronos_gitops.jobs.origins.private_hosts import PrivateHosts

_SUFFIXES: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Scope:
    """``files`` are judged together, as they are on disk but for ``edited``; ``asked`` are the shown names of those
    that the report is about, ``below_removed`` of those below a layer that is gone."""

    files: LocalFiles
    asked: frozenset[str]
    edited: EditedFiles | None = None
    below_removed: frozenset[str] = frozenset()


def scope(paths: Sequence[str], jobs: str, changed_since: str | None) -> Scope:
    """The files at the paths, or of the jobs folder, and the rest of the tree they stand in."""
    roots = [Path(path) for path in paths] or [folder for folder in (jobs_folder(jobs),) if folder is not None]
    named = [file for root in roots for file in job_files(root, jobs)]
    asked = LocalFiles(named, jobs, roots)
    rest = rest_of_tree(roots, named, jobs)
    files = LocalFiles((*named, *rest), jobs, roots) if rest else asked
    names = frozenset(entry.path for entry in asked.entries)
    if changed_since is None:
        return Scope(files, names)
    changed, below_removed = _changed(files, changed_since)
    return Scope(files, names & changed, below_removed=below_removed & names)


def scope_of_text(name: str, content: bytes, jobs: str) -> Scope | None:
    """A text in place of the file of that name, in the tree where it stands; None for a name that is no place in a jobs
    folder."""
    file = Path(name)
    is_job = file.suffix in _SUFFIXES and top_of(file, jobs).is_dir() and reason_left_out(file, jobs) is None
    rest = rest_of_tree([file], [name], jobs) if is_job else ()
    if not rest:
        return None
    files, seen = LocalFiles(rest, jobs), shown(name)
    return Scope(files, frozenset({seen}), EditedFiles(files, {TreeEntry(seen, "", len(content)): content}))


def _changed(files: LocalFiles, ref: str) -> tuple[frozenset[str], frozenset[str]]:
    """The shown names of files that differ from where this branch left ``ref``, those git does not know included; and
    of those below a layer that was there, and is gone."""
    from chronos_gitops.git.client import Git
    from chronos_gitops.git.discovery import discover

    try:
        git = Git(discover(Path.cwd()))
        if git.place.root is None:
            raise UsageError("--changed-since needs a checkout; this repository is bare")
        changed = _paths(git, ref)
    except UsageError:
        raise
    except ChronosError as error:
        raise UsageError(f"--changed-since: {error.message}", hint=error.hint) from error
    root = git.place.root.resolve()
    below = {name: _below(root, path) for name, path in files.named.items()}
    gone = tuple(filter(None, map(_reach, changed.difference(below.values()))))
    below_removed = frozenset(name for name, path in below.items() if path.startswith(gone))
    return frozenset(name for name, path in below.items() if path in changed), below_removed


def _reach(path: str) -> str | None:
    """The folder whose jobs a layer at this path reaches, with a slash after it."""
    folder, _, name = path.rpartition("/")
    if name == DEFAULTS:
        return f"{folder}/"
    return folder.removesuffix(ENVIRONMENTS) if folder.endswith(f"/{ENVIRONMENTS}") else None


def _below(root: Path, path: str) -> str:
    return os.path.relpath(Path(path).parent.resolve() / Path(path).name, root)


def _paths(git: "Git", ref: str) -> frozenset[str]:
    base = git.resolve(ref)
    if base is None:
        raise UsageError(f'--changed-since: there is no commit "{ref}"', hint="in CI, fetch the whole history")
    common = git.attempt("merge-base", base, "HEAD")
    start = common.stdout.decode().strip() if common.code == 0 else base
    listings = (
        git.run("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--end-of-options", start),
        git.run("ls-files", "-z", "--others", "--full-name"),
    )
    return frozenset(os.fsdecode(path) for listing in listings for path in listing.split(b"\0") if path)


def known_secrets(given: Iterable[str]) -> frozenset[str] | None:
    """The names that ``--secrets`` tells, from folders, files and lists; None when it was not given."""
    parts = [_names(text) for text in given]
    return frozenset().union(*parts) if parts else None


def _names(text: str) -> frozenset[str]:
    path = Path(text)
    if path.is_dir():
        return _valid(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
    if path.is_file():
        text = read_small_file(path).decode("utf-8", "replace")
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        return _valid(filter(None, lines))
    names = [name for name in re.split(r"[\s,]+", text) if name]
    wrong = next((name for name in names if not templates.is_secret_name(name)), None)
    if wrong is not None or not names:
        hint = "name a folder of secrets, a file with one name on each line, or names with commas between them"
        raise UsageError(f'--secrets "{text}" is no file, and "{wrong or ""}" is not the name of a secret', hint=hint)
    return frozenset(names)


def private_hosts(given: Iterable[str]) -> "PrivateHosts":
    """The hosts that ``--private-hosts`` names."""
    from chronos_gitops.jobs.origins.private_hosts import PrivateHosts

    try:
        return PrivateHosts.parse(given)
    except ValueError as error:
        raise UsageError(f"--private-hosts {error}") from None


def _valid(names: Iterable[str]) -> frozenset[str]:
    return frozenset(filter(templates.is_secret_name, names))
