"""Checks that the objects that jobs need can be read: git itself reads and hashes them, in its own process."""

from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import GitError, Stopped, Timeout

_TIMEOUT: Final = 300.0
_VERIFY: Final = ("rev-list", "--quiet", "--verify-objects")


def is_intact(git: Git, ref: str, jobs: str) -> bool:
    """False when an object is missing or unreadable that following ``ref`` or its history needs.

    Every commit; every version of the jobs folder on the first-parent chain; every tree of the newest commit, which a
    rollback builds upon. Contents of other folders are not looked at. A check that takes too long finds nothing.
    """
    paths = () if jobs == "." else ("--", jobs)
    try:
        if git.resolve(ref) is None:
            return False
        git.run("rev-list", "--quiet", "--end-of-options", ref, timeout=_TIMEOUT)
        git.run(*_VERIFY, "--no-walk", "--filter=blob:none", "--end-of-options", ref, timeout=_TIMEOUT)
        git.run(*_VERIFY, "--first-parent", "--end-of-options", ref, *paths, timeout=_TIMEOUT)
    except (Stopped, Timeout):
        return True
    except GitError:
        return False
    return True
