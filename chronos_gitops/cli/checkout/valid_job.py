"""A job that a command names, among those of the files it has read."""

from typing import TYPE_CHECKING

from chronos_gitops.errors import ChronosError, NotFoundError
from chronos_gitops.jobs.validation.suggestions import did_you_mean
from chronos_gitops.plurals import plural

if TYPE_CHECKING:
    from chronos_gitops.jobs.validation.file_result import FileResult
    from chronos_gitops.jobs.validation.validate import TreeResult


class JobFileInvalid(ChronosError):
    """The job's file, or a layer above it, has an error, so there is no job."""

    kind = "invalid-job"


def valid_job(loaded: "TreeResult", name: str, jobs: str) -> "FileResult":
    """InvalidJob with its first error, NotFoundError with a similar name."""
    found = loaded.jobs.get(name)
    if found is not None:
        return found
    broken = next((problem for file in loaded.files if file.name == name for problem in file.errors), None)
    if broken is not None:
        raise JobFileInvalid(str(broken), hint=broken.hint)
    near = did_you_mean(name, loaded.jobs) or f"{jobs} has {plural(len(loaded.jobs), 'job')}"
    raise NotFoundError(f'there is no job "{name}"', hint=near)
