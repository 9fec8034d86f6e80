"""Schedules of GitHub Actions workflows: listed, because a workflow runs steps and a job sends one request."""

from collections.abc import Iterator
from typing import Any, Final

from chronos_gitops.cli.importers.documents import at, text, yaml_documents
from chronos_gitops.cli.importers.model import ImportResult, NotReadable, RefusedEntry, reading

_WHY: Final = "it runs the steps of a workflow, and chronos-gitops sends HTTP requests"
_NOTES: Final = (
    "a job can start a workflow that has workflow_dispatch: POST to"
    ' /repos/OWNER/REPO/actions/workflows/FILE/dispatches of the API with the body {"ref": "main"}',
    "GitHub reads these schedules in UTC, where an entry has no timezone of its own, and may skip them under load",
)


def read(content: bytes, *, timezone: str, is_enabled: bool) -> ImportResult:  # noqa: ARG001 - the form of every reader
    """Every schedule of every workflow, as a refusal with its cron text."""
    workflows = [one for one in yaml_documents(content) if isinstance(one, dict) and "jobs" in one]
    if not workflows:
        hint = "give a file of .github/workflows"
        raise NotReadable("this is not a workflow of GitHub Actions", hint=hint)
    entries = [entry for number, one in enumerate(workflows, 1) for entry in _schedules(number, one)]
    return reading(entries, _NOTES if entries else ["the workflow has no schedule"])


def _schedules(number: int, workflow: dict[Any, Any]) -> Iterator[RefusedEntry]:
    """YAML 1.1 reads the key ``on`` as true."""
    name = text(workflow.get("name"))[:60] or f"workflow {number}"
    given = at({"on": workflow.get("on", workflow.get(True))}, "on").get("schedule")
    for position, one in enumerate(given if isinstance(given, list) else [], 1):
        shown = at({"one": one}, "one")
        words = " ".join(filter(None, (text(shown.get("cron"))[:100], text(shown.get("timezone"))[:60])))
        yield RefusedEntry(f"{name}, schedule {position}", words, _WHY)
