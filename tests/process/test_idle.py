"""The installed program with one job that is not due, as a laptop or a small machine has it for days."""

import threading
from pathlib import Path

import pytest
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository

COUNTED_S = 10.0
MOST_A_SECOND = 8.0
"""4.2 on a quiet machine: a second of the clock, of the event log and of expectations each, and what a sweep does."""


def switches(pid: int) -> int:
    """How often its threads went to sleep until now, see proc(5)."""
    texts = [(task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0]) for text in texts)


@pytest.mark.timeout(90)
@pytest.mark.parametrize("follow", ["worktree", "branch"])
def test_an_idle_runner_wakes_up_a_few_times_a_second(follow: str, tmp_path: Path) -> None:
    """Takes 20 s each: the first ones are what a start leaves to do."""
    repository = Repository.init(tmp_path / "repo")
    repository.write_job("one", schedule="0 0 1 1 *")
    repository.commit()
    pause = threading.Event()
    with Runner(str(repository.root), "--follow", follow, data=tmp_path / "data") as runner:
        pause.wait(8)
        before = switches(runner.process.pid)
        pause.wait(COUNTED_S)
        counted = (switches(runner.process.pid) - before) / COUNTED_S
    print(f"{follow}: {counted:.1f} wake-ups a second")
    assert counted < MOST_A_SECOND
