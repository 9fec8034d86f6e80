"""Room on the disk for what a start writes."""

import errno
import logging
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

NEEDED: Final = 1 << 20
"""A ledger, its log and its shared memory, before the first execution."""
_BETWEEN_LOOKS_S: Final = 0.5
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_full(error: OSError) -> bool:
    return error.errno in _FULL


def shortage(folder: Path) -> str:
    """Why a start in this folder would fail for want of room. Empty when there is room, and for every other fault: the
    start itself reports those."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, NEEDED)
    except OSError as error:
        return f"the disk of {folder} is full: {NEEDED >> 10} KiB are needed to start" if is_full(error) else ""
    return ""


def wait_for_room(
    look: Callable[[], str], is_stopping: Callable[[], bool], report: Callable[[str], None] = lambda _: None
) -> bool:
    """Until ``look`` names no shortage any more; logged once, reported whenever it changes. False when the runner is to
    stop."""
    reported = ""
    while found := look():
        if found != reported:
            log.error("the start waits for free disk space: %s", found)
            report(found)
            reported = found
        if is_stopping():
            return False
        threading.Event().wait(_BETWEEN_LOOKS_S)
    if reported:
        log.info("disk space is free again; the start continues")
        report("")
    return True
