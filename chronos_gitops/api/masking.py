"""Credentials out of sight: literal ones become ``***``, references to secrets stay readable (CONTRACT 1)."""

import re
from collections.abc import Iterator
from typing import Any

from chronos_gitops.jobs import credentials
from chronos_gitops.jobs.model import Job

_SHORTEST_WORD = 4
_KEY = re.compile(r"(?P<indent>[ ]*)(?:-[ ]+)*[\"']?(?P<name>[\w.-]{1,100})[\"']?[ ]*:(?:[ ]|\Z)")


def document(job: Job) -> dict[str, Any]:
    """The job's document with every literal credential masked."""
    return credentials.masked(job.document())


def text(source: str, job: Job | None) -> str:
    """A job file's source without literal credentials.

    What the parsed job holds is hidden wherever its words stand; the rest goes by the names of keys, which also
    serves files that do not parse.
    """
    for word in sorted(set(_hidden_words(job)), key=len, reverse=True) if job is not None else ():
        source = source.replace(word, "***")
    return "".join(_without_blocks(credentials.masked_text(source)))


def _without_blocks(source: str) -> Iterator[str]:
    """Lines that continue a sensitive key (a block, a folded line) stand deeper than the key."""
    depth: int | None = None
    for line in source.splitlines(keepends=True):
        indent = len(line) - len(line.lstrip(" "))
        if depth is not None and (indent > depth or not line.strip()):
            yield f"{line[:indent]}***\n" if credentials.is_literal(line.strip()) else line
            continue
        key = _KEY.match(line.rstrip())
        sensitive = key is not None and (
            credentials.is_sensitive(key["name"]) or key["name"] in credentials.AUTH_FIELDS
        )
        depth = indent if sensitive else None
        yield line


def _hidden_words(job: Job) -> Iterator[str]:
    plain, shown = job.document()["webhook"], document(job)["webhook"]
    for part in ("headers", "auth"):
        for key, value in (plain[part] or {}).items():
            if value != shown[part][key]:
                kept = shown[part][key].split()
                yield from (word for word in value.split() if word not in kept and len(word) >= _SHORTEST_WORD)
