"""Names of branches, as git-check-ref-format(1) allows them."""

import re
from typing import Final

from chronos_gitops.errors import UsageError

_REFUSED: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|\Z)|\A[./]|[./]\Z")

APPLIED: Final = "refs/chronos/applied/"
"""Numbered refs that keep what ran before a history was rewritten."""


def branch_name(text: str) -> str:
    """``main`` or ``refs/heads/main`` to ``main``. UsageError for what git would refuse."""
    name = text.removeprefix("refs/heads/")
    if not name or len(name) > 200 or name == "@" or _REFUSED.search(name):
        raise UsageError(f'"{text[:80]}" is not the name of a branch')
    return name


def heads(branch: str) -> str:
    """The full ref: a branch may be called ``--upload-pack=...``, a full ref never looks like an option."""
    return f"refs/heads/{branch}"


def arriving(branch: str) -> str:
    """Where a fetch puts what is not complete yet."""
    return f"refs/chronos/arriving/{branch}"


def tracked(branch: str) -> str:
    """Where our mirror keeps what it fetched."""
    return f"refs/chronos/remote/{branch}"
