"""Secrets that jobs use without a binding, as settings to paste: for operators whose runner begins to refuse them."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.secrets.bindings import Bindings, binding_line
from chronos_gitops.jobs.secrets.usage import uses


def binding_lines(jobs: JobSet, bindings: Bindings, jobs_folder: str = "jobs") -> tuple[str, ...]:
    """One ``[secrets.bind]`` line for each secret that a job uses and no binding names, in the order of their names."""
    found = (use for use in uses(jobs, bindings) if use.name not in bindings.by_name)
    return lines_to_paste(((use.name, use.path, use.target) for use in found), jobs_folder)


def lines_to_paste(found: Iterable[tuple[str, str, str | None]], jobs_folder: str) -> tuple[str, ...]:
    """The same for uses given as (name, path of the job's file, origin).

    Lists the folders of the job files, by the first level below the jobs folder, and the origins of their requests;
    ``# fill in`` where an origin is a secret or not known.
    """
    folders: dict[str, set[str]] = {}
    origins: dict[str, set[str]] = {}
    for name, path, origin in found:
        folders.setdefault(name, set()).add(_first_level(path, jobs_folder))
        origins.setdefault(name, set()).add("" if origin is None or origin.startswith("${") else origin)
    return tuple(_line(name, folders[name], origins[name]) for name in sorted(folders))


def _first_level(path: str, jobs_folder: str) -> str:
    """``jobs/billing`` for ``jobs/billing/eu/charge.yaml``; empty for a file at the top of the repository."""
    levels = len(PurePosixPath(jobs_folder).parts) + 1
    return "/".join(PurePosixPath(path).parent.parts[:levels])


def _line(name: str, folders: set[str], origins: set[str]) -> str:
    """Without folders where a job file lies at the top: it may be any."""
    comment = "  # fill in: an address is a secret" if "" in origins else ""
    return binding_line(name, () if "" in folders else sorted(folders), sorted(origins - {""})) + comment
