"""The exit codes of every command (CONTRACT 7)."""

from enum import IntEnum


class ExitCode(IntEnum):
    """``FAILED``: findings, or what was asked for did not work. ``NOTHING``: there is nothing to look at."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    NOTHING = 3
    INTERNAL = 70
    INTERRUPTED = 130
