"""The symbolic links on the way to a path, so that one that is switched is noticed."""

import os
from collections import deque
from pathlib import Path
from typing import Final

_MOST: Final = 40
"""As many as Linux follows, see path_resolution(7)."""


def symbolic_links(path: Path) -> tuple[Path, ...]:
    """Every link that resolving this absolute path passes, links behind links included."""
    found: list[Path] = []
    here, parts = Path("/"), deque(path.parts[1:])
    while parts and len(found) < _MOST:
        part = parts.popleft()
        if part == "..":
            here = here.parent
            continue
        step = here / part
        try:
            target = Path(os.readlink(step))  # noqa: PTH115 - Path.readlink is the same call
        except OSError:
            here = step
            continue
        found.append(step)
        here = Path("/") if target.is_absolute() else here
        parts.extendleft(reversed(target.parts[1:] if target.is_absolute() else target.parts))
    return tuple(found)


def location(root: Path) -> tuple[str, bytes]:
    """Another value once the path leads to another checkout: where it leads, and the ``.git`` file of a worktree."""
    git = root / ".git"
    try:
        pointer = git.read_bytes() if git.is_file() else b""
    except OSError:
        pointer = b""
    return os.path.realpath(root), pointer
