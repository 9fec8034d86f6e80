"""pytest for ``make test``, and after a failure the failed tests once more, alone on the machine.

A run of thousands of tests beside each other meets a moment now and then in which the machine is too slow for one of
them. Such a test passes here, is named, and is worth a look; one that fails again fails the run. More than a few
failures are never the machine's.

Temporary folders are in memory where the machine has enough of it: a database of PostgreSQL is made and dropped there
in a fifth of the processor time that ext4 takes, and nothing that tests write has to survive the machine.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FEW = 10
FAILED_TESTS = Path(".pytest_cache/v/cache/lastfailed")
TESTS_FAILED = 1
"""Exit code of pytest after a run with failed tests."""
MEMORY = Path("/dev/shm")
ENOUGH = 4 << 30
"""Bytes; a run with three workers takes less than half of it, for folders of passed tests go at their end."""


def main(arguments: Sequence[str]) -> int:
    FAILED_TESTS.unlink(missing_ok=True)
    code = _pytest(arguments)
    failed = list(json.loads(FAILED_TESTS.read_text())) if code == TESTS_FAILED and FAILED_TESTS.exists() else []
    if not 0 < len(failed) <= FEW:
        return code
    print(f"Running alone what failed beside others: {', '.join(failed)}", flush=True)
    code = _pytest(failed)
    if code == 0:
        print(f"WARNING: passed alone, failed beside others (a race, or a bound too tight): {', '.join(failed)}")
    return code


def temporary_folder(
    memory: Path = MEMORY, meminfo: Path = Path("/proc/meminfo"), enough: int = ENOUGH
) -> dict[str, str]:
    """The environment that puts temporary folders into ``memory``; empty where that is too small or runs no programs,
    for tests start hooks from there."""
    if "TMPDIR" in os.environ or not meminfo.exists() or not memory.is_dir():
        return {}
    found = os.statvfs(memory)
    lines = (line.split() for line in meminfo.read_text().splitlines())
    available = next((int(words[1]) * 1024 for words in lines if words[0] == "MemAvailable:"), 0)
    is_enough = min(found.f_bavail * found.f_frsize, available) >= enough
    return {"TMPDIR": str(memory)} if is_enough and not found.f_flag & os.ST_NOEXEC else {}


def _pytest(arguments: Sequence[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-o", "tmp_path_retention_policy=failed", *arguments]
    return subprocess.run(command, check=False, env=os.environ | temporary_folder()).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
