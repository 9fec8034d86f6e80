"""Objects of Kubernetes among job files: one sentence that says so, in place of one for each of their fields."""

from dataclasses import replace
from typing import Final

from chronos_gitops.jobs.validation.document import Document

_IMPORTED: Final = {"CronJob": "k8s", "CronJobList": "k8s", "List": "k8s", "ChronosJob": "chronos"}
_ELSEWHERE: Final = "move it out of the jobs folder, or list it in .chronosignore"


def without_fields(read: Document) -> Document:
    """The document as it is, or with one problem and nothing to judge where it is no job but an object."""
    value = read.value
    if not read.complete or "kind" not in value or "apiVersion" not in value or "webhook" in value:
        return read
    kind = read.text("kind") or "object"
    source = _IMPORTED.get(kind)
    hint = _ELSEWHERE if source is None else f"convert it: chronos-gitops import {source} {read.file}"
    said = f"this is a Kubernetes {kind[:60]}, not a job file"
    return replace(read, problems=(read.spot(("kind",)).problem("kubernetes-object", said, hint),), complete=False)
