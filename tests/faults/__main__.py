"""The long form of the fault programme.

    cd tests && python -m faults --engine sqlite|postgresql|temporal --duration 15m --seed 7 [--only "kill"]

Exit 1 when a rule was broken, 130 when it was interrupted by SIGINT or SIGTERM. The same seed gives the same order of
faults; what runners do meanwhile is up to them.
"""

import argparse
import json
import signal
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from faults import programme
from harness.environment import guard

from chronos_gitops.schedule import durations

_SHOWN = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=sorted(programme.ENGINES), default="sqlite")
    parser.add_argument("--duration", default="15m", help="such as 90s or 15m; each kind of fault comes at least once")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--only", action="append", default=[], help="a kind of fault; may be given several times")
    parser.add_argument("--json", type=Path, help="a file for the report")
    parser.add_argument("--logs", type=Path, help="a folder for logs and Temporal's database")
    given = parser.parse_args()
    guard()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the runners end then, too
    seconds = durations.parse(given.duration).total_seconds()
    programme.say(f"{given.engine}, seed {given.seed}")
    try:
        report = programme.run(given.engine, seed=given.seed, seconds=seconds, only=given.only, keep=given.logs)
    except KeyboardInterrupt:
        programme.say("interrupted")
        return 130
    for rule, count in Counter(violation.rule for violation in report.violations).items():
        programme.say(f"BROKEN {rule}: {count}")
    for violation in report.violations[:_SHOWN]:
        programme.say(f"  {violation.rule}: {violation.detail}")
    document = asdict(report)
    if given.json is not None:
        given.json.write_text(json.dumps(document, indent=1) + "\n")
    programme.say(json.dumps(document | {"violations": len(report.violations)}))
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
