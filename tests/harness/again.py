"""pytest for ``make test``, and after a failure the failed tests once more, alone on the machine.

A run of thousands of tests beside each other meets a moment now and then in which the machine is too slow for one of
them. Such a test passes here, is named, and is worth a look; one that fails again fails the run. More than a few
failures are never the machine's.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FEW = 10
FAILED_TESTS = Path(".pytest_cache/v/cache/lastfailed")
TESTS_FAILED = 1
"""Exit code of pytest after a run with failed tests."""


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


def _pytest(arguments: Sequence[str]) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
