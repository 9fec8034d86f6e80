"""The installed program with one job that is not due, as a laptop or a small machine has it for days."""

import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository

COUNTED_S = 6.0
MOST_A_SECOND = 10.0
"""3 on a quiet machine: a second of the clock, of the event log and of expectations each, and a sweep each 30 s."""


def switches(pid: int) -> int:
    """The number of times its threads went to sleep until now, see proc(5)."""
    texts = [(task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0]) for text in texts)


@pytest.mark.timeout(90)
def test_an_idle_runner_wakes_up_a_few_times_a_second(tmp_path: Path) -> None:
    """Takes 12 s: the first five are what a start leaves to do. Watching alone woke it up 100 times a second once."""
    repository = Repository.init(tmp_path / "repo")
    repository.write_job("one", schedule="0 0 1 1 *")
    repository.commit()
    pause = threading.Event()
    with ExitStack() as running:
        pids = {
            mode: running.enter_context(
                Runner(str(repository.root), "--follow", mode, data=tmp_path / mode)
            ).process.pid
            for mode in ("worktree", "branch")
        }
        pause.wait(5)
        before = {mode: switches(pid) for mode, pid in pids.items()}
        pause.wait(COUNTED_S)
        counted = {mode: (switches(pid) - before[mode]) / COUNTED_S for mode, pid in pids.items()}
    print(f"wake-ups a second: {counted}")
    assert max(counted.values()) < MOST_A_SECOND
