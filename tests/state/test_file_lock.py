"""Locks end with their process, also while a child of it is between fork and exec."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chronos_gitops.state import file_lock

KILLS = 250
HOLDER = """
import subprocess, sys, threading
from chronos_gitops.state import file_lock
file = open(sys.argv[1], "a+")
file_lock.lock(file)
print("locked", flush=True)
def start():
    while True:
        subprocess.run(["true"], preexec_fn=lambda: None)
for _ in range(3):
    threading.Thread(target=start, daemon=True).start()
print("forking", flush=True)
start()
"""


@pytest.mark.timeout(300)
def test_a_lock_is_free_after_each_of_250_kills(tmp_path: Path) -> None:
    """Takes half a minute: each holder is killed while four threads of it fork without a pause."""
    path = tmp_path / "runner.lock"
    for _ in range(KILLS):
        holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        assert holder.stdout.readline() == "forking\n"
        holder.kill()
        holder.wait()
        holder.stdout.close()
        with path.open("a+") as file:
            file_lock.lock(file)


def test_a_lock_that_is_held_is_refused_after_two_seconds(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a+") as held, (tmp_path / "lock").open("a+") as wanted:
        file_lock.lock(held)
        with pytest.raises(BlockingIOError):
            file_lock.lock(wanted)


def test_a_child_that_calls_no_exec_has_no_part_in_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("a+") as held:
        file_lock.lock(held)
        hears, says = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(says)
            os.read(hears, 1)  # until the parent is done
            os._exit(0)
        os.close(hears)
    with path.open("a+") as wanted:
        file_lock.lock(wanted)
    os.close(says)
    assert os.waitpid(child, 0)[1] == 0
