"""Tells a repository's folder from its address, by git's rules (git-clone(1), GIT URLS)."""

import re
from pathlib import Path
from typing import Final

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HELPER: Final = re.compile(r"[^/]*::")
_SCP: Final = re.compile(r"(?:[^/\s:@]+@)?[^/\s:@]{2,}:(?!//)\S+")


def scheme_of(text: str) -> str | None:
    """``https`` of ``HTTPS://host/path``; None where there is no scheme."""
    found = _SCHEME.match(text)
    return None if found is None else found.group(1).lower()


def names_helper(text: str) -> bool:
    """``ext::sh -c ...`` and its kin: git would start the program ``git-remote-ext``."""
    return scheme_of(text) is None and _HELPER.match(text) is not None


def is_address(text: str) -> bool:
    """``https://...``, ssh's ``[user@]host:path``, ``helper::...``; a folder that looks like the second is one."""
    if scheme_of(text) is not None or names_helper(text):
        return True
    return _SCP.fullmatch(text) is not None and not Path(text).exists()
