"""The name of a job beside the name of its file."""

import re
from collections.abc import Iterator

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.document import Document

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z", re.ASCII)
_LONGEST = 100
STYLE = frozenset({"one-word-name", "file-name"})
"""The rules of ``check``: no layer has a say in what they find."""


def is_name(text: str) -> bool:
    """True if a job may be called that (CONTRACT 1)."""
    return len(text) <= _LONGEST and bool(_NAME.match(text))


def check(source: Document) -> Iterator[Problem]:
    name = source.text("name")
    if name is None or not is_name(name):
        return
    if "-" not in name:
        spot = source.spot(("name",))
        hint = "name the action and how often it happens, like daily-database-backup"
        yield spot.problem("one-word-name", f'the name "{name}" is one word', hint)
    stem = source.file.rpartition("/")[2].rpartition(".")[0]
    if stem and stem != name:
        spot = source.spot(("name",))
        hint = f"rename the file to {name}.yaml; the job keeps its history"
        yield spot.problem("file-name", f'the job "{name}" is in a file named {stem[:100]}', hint)
