"""The short form of the fault programme: three kinds of faults at random. The long form is a command, see
``python -m faults --help`` in the folder tests; only that one knows Temporal, whose recoveries take minutes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faults import programme

KINDS = 3


@pytest.mark.timeout(600)
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_faults_at_random_break_no_rule(engine: str) -> None:
    """Takes about a minute: real processes that are killed, frozen, cut off, and start again."""
    seed = int(os.environ.get("CHRONOS_FAULTS_SEED") or time.time_ns() % 1_000_000)
    print(f"CHRONOS_FAULTS_SEED={seed}")
    report = programme.run(engine, seed=seed, kinds=KINDS)
    assert report.violations == [], f"seed {seed}: {report.faults}"
    assert sum(report.faults.values()) == KINDS
    assert report.ticks > 0


@pytest.mark.timeout(120)
def test_sigterm_to_the_group_ends_a_programme_and_all_that_it_began() -> None:
    """Takes ten seconds: a runner has to be there first."""
    process = subprocess.Popen(
        [sys.executable, "-m", "faults", "--engine", "sqlite", "--only", "kill"],
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    first = next(line for line in process.stdout if "recovered" in line)
    os.killpg(process.pid, signal.SIGTERM)
    output = process.communicate(timeout=60)[0]
    assert (process.returncode, output.splitlines()[-1]) == (130, "interrupted"), first + output
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
