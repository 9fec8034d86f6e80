"""Plans and performs a rollback of the job one in a checkout, of which ARGV[2] cannot be written; prints both ends.

ARGV[3] says why: ``mount`` in a mount namespace of ours, ``owner`` as another user (root gives its rights up; who is
not root takes its own right to write away).
"""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from chronos_gitops.errors import ChronosError
from chronos_gitops.git.commit import Person
from chronos_gitops.rollback.local_checkout import Offline
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest

NOBODY = 65534


def main() -> None:
    checkout, part, why = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    warm_up(checkout)  # imports, for the other user may not read the environment
    place = checkout / part
    if why == "mount":
        subprocess.run(["mount", "--bind", place, place], check=True)
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
    elif os.geteuid() == 0:
        for path in below(checkout):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        for path in below(place):
            os.chown(path, 0, 0, follow_symlinks=False)
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    else:
        for path in below(place):
            path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    for step in ("plan", "perform"):
        try:
            getattr(Reverter(Offline(checkout)), step)(RollbackRequest("one", "1", "", Person("A", "a@example.com")))
            print(f"{step}: done")
        except ChronosError as error:
            print(f"{step}: {error.kind}: {error}")


def warm_up(checkout: Path) -> None:
    Reverter(Offline(checkout)).plan(RollbackRequest("one", "1", "", Person("A", "a@example.com")))


def below(place: Path) -> Iterator[Path]:
    yield place
    yield from place.rglob("*")


main()
