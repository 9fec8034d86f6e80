"""``make test`` after a failure: the failed tests once more, alone on the machine, and what that says.

A run of thousands of tests beside each other meets a moment now and then in which the machine is too slow for one of
them. Such a test passes here, is named, and is worth a look; one that fails again fails the run. More than a few
failures are never the machine's.
"""

import json
import subprocess
import sys
from pathlib import Path

FEW = 3
FAILED_TESTS = Path(".pytest_cache/v/cache/lastfailed")


def main(arguments: list[str]) -> int:
    if arguments == ["forget"]:
        FAILED_TESTS.unlink(missing_ok=True)
        return 0
    failed = list(json.loads(FAILED_TESTS.read_text())) if FAILED_TESTS.exists() else []
    if not 0 < len(failed) <= FEW:
        print(f"{len(failed)} tests failed: too many or too few to look at one by one.")
        return 1
    print(f"Running alone what failed beside others: {', '.join(failed)}", flush=True)
    ended = subprocess.run([sys.executable, "-m", "pytest", "-m", "not full", *arguments, *failed], check=False)
    if ended.returncode == 0:
        print(f"WARNING: passed alone, failed beside others (a race, or a bound too tight): {', '.join(failed)}")
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
