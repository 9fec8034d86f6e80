"""The jobs of a folder that belongs to one environment, as they are before they are folded."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chronos_gitops.cli.checkout.layer_extraction import NotTheSame, refuse_errors
from chronos_gitops.errors import ChronosError
from chronos_gitops.jobs.layers.effective import content_of
from chronos_gitops.jobs.layers.file_roles import FileRole, place_of
from chronos_gitops.jobs.layers.parts import FileParts, parts_of
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.secrets.references import texts
from chronos_gitops.jobs.templates import templates
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.files import Files
from chronos_gitops.jobs.validation.rules.file_name import is_name
from chronos_gitops.jobs.validation.validate import validate_tree
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.cron.parser import is_hashed

_OF_NAME = frozenset({"JobName", "JobID"})


class CannotFold(ChronosError):
    """Files that cannot become jobs with environments as they stand."""

    kind = "cannot-fold"


@dataclass(frozen=True, slots=True)
class EnvironmentFolder:
    """``folder`` is a path from the jobs folder of ``files``, "" for all of it."""

    environment: str
    files: Files
    folder: str


@dataclass(frozen=True, slots=True)
class SourceJob:
    """``folder`` is that of the environment, ``place`` the path from there; ``content`` is what its files make of it
    before built-in defaults, ``common_name`` its name without the environment."""

    environment: str
    path: str
    folder: str
    place: str
    text: str
    own: FileParts
    content: Mapping[str, Any]
    job: Job
    common_name: str

    @property
    def reason_to_keep_name(self) -> str | None:
        """None where another name makes no other job."""
        schedules = self.content["schedule"]
        if any(map(is_hashed, schedules if isinstance(schedules, list) else [schedules])):
            return "its schedule has H, and the time depends on the name"
        found = (inside for _, text in texts(self.content["webhook"]) for _, inside in templates.variables(text))
        if any(inside.lstrip(".") in _OF_NAME for inside in found):
            return "it sends its name"
        return None


def source_jobs(one: EnvironmentFolder) -> Iterator[SourceJob]:
    """HasErrors, CannotFold."""
    tree = validate_tree(one.files)
    refuse_errors(tree)
    if tree.layers.environments:
        declared = ", ".join(tree.layers.environments)
        raise CannotFold(f"the files declare environments already: {declared}", hint="fold files that declare none")
    below = dict(_below(one))
    contents = one.files.read([entry for entry in one.files.entries if entry.path in below])
    jobs = {parsed.path: parsed for parsed in tree.files}
    for path, place in below.items():
        if path not in jobs:
            message = f"{path} holds for the jobs of one folder, and its jobs are to stand beside others"
            raise CannotFold(message, hint="fold the jobs before layers extract")
        parsed, own = jobs[path], parts_of(document.read(path, contents[path]))
        if parsed.job is None or parsed.name is None:
            raise NotTheSame(f"{path} makes no job", hint="fix it: chronos-gitops validate")
        content, short = content_of(tree.layers.base(path, own)), without_environment(parsed.name, one.environment)
        yield SourceJob(
            one.environment, path, one.folder, place, contents[path].decode(), own, content, parsed.job, short
        )


def _below(one: EnvironmentFolder) -> Iterator[tuple[str, str]]:
    """Each path in the folder of the environment, and the one from there."""
    above = f"{one.folder}/" if one.folder else ""
    for entry in one.files.entries:
        place = one.files.place(entry.path)
        if place.startswith(above):
            yield entry.path, place.removeprefix(above)


def without_environment(name: str, environment: str) -> str:
    """``settle-staging`` and ``staging-settle`` are ``settle``."""
    word = re.escape(environment)
    found = re.sub(rf"^{word}-|-{word}(?=-|\Z)", "", name, count=1)
    return found if is_name(found) else name


def outside(files: Files, folders: Iterable[str]) -> Iterator[str]:
    """The paths of files in none of these folders; CannotFold for a job, which every environment would run."""
    inside = tuple(f"{folder}/" for folder in folders)
    for entry in files.entries:
        place = files.place(entry.path)
        if place.startswith(inside):
            continue
        if place_of(place).role is FileRole.JOB:
            message = f"{entry.path} is in none of the folders, and every environment would run it"
            raise CannotFold(message, hint="move it into the folder of its environment")
        yield entry.path
