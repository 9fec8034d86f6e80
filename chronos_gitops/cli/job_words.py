"""Shell completion of job names: from a checkout, or from the runner that a command asks.

A shell waits for the answer while its user types, so each source has half a second, and no error is shown.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click

_BUDGET_S: Final = 0.5
_MOST: Final = 1000


def from_checkout(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """The names in the job files of ``--repo`` and ``--jobs``."""
    return _fitting(_in_files(context.params), context.params.get(parameter.name or ""), typed)


def from_runner(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """The jobs of ``--server``; those of the checkout where no runner answers."""
    from chronos_gitops.cli.client.api_client import RunnerClient
    from chronos_gitops.errors import ChronosError

    given = context.params
    query = {"fields": "name", "limit": str(_MOST), "q": typed}
    try:
        runner = RunnerClient(given.get("server"), given.get("token"))
        items = runner.get("/api/v1/jobs", query, within=_BUDGET_S)["items"]
        names: Iterable[str] = [str(item["name"]) for item in items]
    except ChronosError:
        names = _in_files(given)
    return _fitting(names, given.get(parameter.name or ""), typed)


def _in_files(given: dict[str, Any]) -> Iterator[str]:
    from chronos_gitops.cli.checkout.local_files import job_files, jobs_folder
    from chronos_gitops.jobs.validation.yaml.decoding import MAX_BYTES
    from chronos_gitops.process.small_files import read_small_file
    from chronos_gitops.versions.job_names import name_of

    jobs, repo = given.get("jobs"), Path(given.get("repo") or ".")
    jobs = jobs if isinstance(jobs, str) else "jobs"  # of some commands the names on the line
    folder = jobs_folder(jobs) if repo == Path() else repo / jobs
    end = time.monotonic() + _BUDGET_S
    for file in () if folder is None else job_files(folder, jobs):
        if time.monotonic() > end:
            return
        with suppress(OSError):
            name = name_of(read_small_file(Path(file), limit=MAX_BYTES))
            if name is not None:
                yield name


def _fitting(names: Iterable[str], taken: Any, typed: str) -> list[str]:
    """Sorted, without those that stand on the line already."""
    others = set(taken) if isinstance(taken, tuple) else set()
    return sorted({name for name in names if name.startswith(typed)} - others)
