"""Tips that ran before the history was rewritten: no server has them any more, so a new mirror takes them from the old.

The objects are borrowed from the damaged repository (gitrepository-layout(5), alternates) and packed anew, which reads
and checks each of them; what the new fetch has brought is not asked for again.
"""

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import GitError, Stopped
from chronos_gitops.git.refs import APPLIED

_REF: Final = re.compile(rf"([0-9a-f]{{40}}(?:[0-9a-f]{{24}})?) ({re.escape(APPLIED)}\d+)")
_TIMEOUT: Final = 300.0
_log = logging.getLogger(__name__)


def carry_over(damaged: Path, git: Git) -> None:
    """Brings the refs of former tips, and their objects, into the new repository; logs those that cannot be read."""
    refs = sorted(_refs(damaged).items())
    there = git.run("for-each-ref", "--format=%(objectname)").decode().split() if refs else []
    for ref, tip in refs:
        try:
            _pack(git, damaged, tip, there)
            git.run("rev-list", "--quiet", "--first-parent", "--end-of-options", tip)
            git.run("update-ref", ref, tip)
            there.append(tip)
        except Stopped:
            raise
        except GitError as error:
            _log.warning("a former tip is lost with the damaged mirror", extra={"commit": tip, "error": str(error)})


def _pack(git: Git, damaged: Path, tip: str, there: list[str]) -> None:
    """A pack of its own in the new repository. Contents that a partial mirror never had stay away, as promised."""
    packs = git.place.common / "objects" / "pack"
    asked = "".join(f"{line}\n" for line in (tip, *(f"^{known}" for known in there)))
    made = git.run(
        "pack-objects",
        "--revs",
        "--missing=allow-any",
        "--non-empty",
        "--quiet",
        str(packs / "pack"),
        stdin=asked.encode(),
        timeout=_TIMEOUT,
        env={"GIT_ALTERNATE_OBJECT_DIRECTORIES": str(damaged / "objects")},
    )
    name = made.decode().strip()
    if name and any(any(folder.glob("*.promisor")) for folder in (packs, damaged / "objects" / "pack")):
        (packs / f"pack-{name}.promisor").touch()


def _refs(folder: Path) -> Mapping[str, str]:
    """Read as text: git itself may refuse the damaged repository."""
    return {ref: tip for line in _lines(folder) for tip, ref in _REF.findall(line)}


def _lines(folder: Path) -> Iterator[str]:
    """As in packed-refs; a loose ref wins over a packed one."""
    with contextlib.suppress(OSError):
        yield from (folder / "packed-refs").read_text(errors="replace").splitlines()
    for path in folder.glob(f"{APPLIED}*"):
        try:
            yield f"{path.read_text(errors='replace').strip()} {APPLIED}{path.name}"
        except OSError:
            continue
