"""A judged tree in another of its environments: the findings are those of all of them already, only the jobs differ."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.layers.parts import FileParts, parts_of
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.file_result import FileResult
from chronos_gitops.jobs.validation.files import Files, refusal
from chronos_gitops.jobs.validation.validate import TreeResult


def read_parts(files: Files, tree: TreeResult) -> dict[str, FileParts]:
    """The parts of every job file, by path; of one that cannot be read, what could be."""
    wanted = {parsed.path for parsed in tree.files}
    entries = [entry for entry in files.entries if entry.path in wanted and refusal(entry) is None]
    return {path: parts_of(document.read(path, content)) for path, content in files.read(entries).items()}


def in_environment(tree: TreeResult, parts: Mapping[str, FileParts], environment: str) -> TreeResult:
    """The same files, with the jobs that they make there."""
    found = tuple(_in(tree, parsed, parts.get(parsed.path), environment) for parsed in tree.files)
    jobs = {parsed.name: parsed for parsed in found if parsed.name is not None and parsed.job is not None}
    return replace(tree, files=found, jobs=MappingProxyType(jobs))


def _in(tree: TreeResult, parsed: FileResult, own: FileParts | None, environment: str) -> FileResult:
    from chronos_gitops.jobs.model import Job

    here = replace(parsed, identity=DefinitionId(parsed.identity.blob, "", environment), job=None)
    if own is None or here.errors:
        return here
    made = tree.layers.job(parsed.path, own, environment)
    return replace(
        here, identity=replace(here.identity, content=made.content), job=Job.from_document(made.document.value)
    )
