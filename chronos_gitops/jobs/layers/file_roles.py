"""The role of a YAML file below the jobs folder, by its path: a job, a layer, or a reserved name."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from chronos_gitops.jobs.validation.rules.file_name import is_name
from chronos_gitops.jobs.validation.suggestions import did_you_mean
from chronos_gitops.process.lazy_dataclass import dataclass

DEFAULTS: Final = "_defaults.yaml"
ENVIRONMENTS: Final = "_environments"
CALENDARS: Final = "_calendars"
MOST_ENVIRONMENTS: Final = 20
_LONGEST_NAME: Final = 63
_SUFFIX: Final = ".yaml"


class FileRole(StrEnum):
    JOB = "job"
    DEFAULTS = "defaults"
    ENVIRONMENT = "environment"
    POLICY = "policy"
    CALENDAR = "calendar"
    RESERVED = "reserved"


_FOLDERS: Final = {
    ENVIRONMENTS: FileRole.ENVIRONMENT,
    "_policies": FileRole.POLICY,
    CALENDARS: FileRole.CALENDAR,
}
RESERVED_FOLDERS: Final = frozenset(_FOLDERS)
"""At the top of the jobs folder; no job stands in them."""


@dataclass(frozen=True, slots=True)
class FilePlace:
    """``folder`` is what a layer reaches, "" for the jobs folder itself; ``name`` is that of an environment, a policy
    or a calendar."""

    role: FileRole
    folder: str = ""
    name: str = ""


def calendar_path(name: str) -> str:
    """The file of a calendar, from the jobs folder."""
    return f"{CALENDARS}/{name}{_SUFFIX}"


def beside_jobs(paths: Iterable[str]) -> list[str]:
    """Those of these paths with a part that begins with an underscore: every other one is a job. One call for many
    paths, for a pass over 10,000 jobs asks of each."""
    return [path for path in paths if "/_" in path or path[:1] == "_"]


def place_of(path: str) -> FilePlace:
    """``path`` is a posix path from the jobs folder that ends in .yaml or .yml."""
    folder, _, file = path.rpartition("/")
    if not beside_jobs((path,)):
        return FilePlace(FileRole.JOB, folder)
    if file == DEFAULTS and not _is_reserved(folder):
        return FilePlace(FileRole.DEFAULTS, folder)
    name = file.removesuffix(_SUFFIX)
    if folder in _FOLDERS and file != name and is_environment_name(name):
        return FilePlace(_FOLDERS[folder], "", name)
    return FilePlace(FileRole.RESERVED, folder)


def is_environment_name(name: str) -> bool:
    """The form of the names of jobs, and shorter; also of policies and calendars."""
    return is_name(name) and len(name) <= _LONGEST_NAME


def _is_reserved(folder: str) -> bool:
    return any(part.startswith("_") for part in folder.split("/"))


def reserved_message(path: str) -> tuple[str, str]:
    """Message and hint for a reserved file name."""
    folder, _, file = path.rpartition("/")
    parts = folder.split("/") if folder else []
    odd = next((part for part in [*parts, file] if part.startswith("_")), file)
    if folder in _FOLDERS:
        if not file.endswith(_SUFFIX):
            return f'"{file}" does not end in .yaml', f"rename it to {file.rpartition('.')[0]}.yaml"
        message = f'"{file.removesuffix(_SUFFIX)}" is not a name for {_one_of(_FOLDERS[folder])}'
        return message, f"write letters, digits and hyphens, at most {_LONGEST_NAME} characters"
    message = f'"{odd}" begins with an underscore, and such names are reserved'
    if odd in _FOLDERS and odd != parts[0]:
        return message, f"{odd}/ stands at the top of the jobs folder only"
    if odd in _FOLDERS:
        return message, f"files stand directly in {odd}/"
    stem = odd.rpartition(".")[0] + _SUFFIX if "." in odd else odd
    meant = did_you_mean(stem, [DEFAULTS] if odd == file else list(_FOLDERS))
    return message, meant or "rename it, or let .chronosignore exclude it"


def _one_of(role: FileRole) -> str:
    return f"{'an' if role is FileRole.ENVIRONMENT else 'a'} {role}"
