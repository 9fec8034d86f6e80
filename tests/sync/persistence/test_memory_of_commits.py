"""Memory that a follower keeps for each commit that it has applied: its version, and when it began to run."""

import gc
import logging
import tracemalloc
from pathlib import Path
from statistics import median

from harness.repositories.repo_fixtures import Follow, Following
from harness.repositories.repository import Repository

import chronos_gitops

SCHEDULES, COMMITS, ROUNDS = 12, 15, 5


def test_memory_of_a_commit_is_bounded(repository: Repository, follow: Follow) -> None:
    """Once each content has been read. Before, 750 bytes; now 530."""
    following = follow(repository.root, mode="branch")
    logging.disable()  # pytest keeps the lines of a test
    tracemalloc.start()
    try:
        for number in range(SCHEDULES + 3):
            _commit(repository, following, number)
        each = median(_round(repository, following) for _ in range(ROUNDS))
    finally:
        tracemalloc.stop()
        logging.disable(logging.NOTSET)
    assert each < 650, f"{each:.0f} bytes for each commit"


def _round(repository: Repository, following: Following) -> float:
    """Bytes for each commit. A table that grows meanwhile takes tens of kilobytes at once, so the median counts."""
    before = _traced()
    for number in range(COMMITS):
        _commit(repository, following, number)
    return (_traced() - before) / COMMITS


def _commit(repository: Repository, following: Following, number: int) -> None:
    repository.write_job("one", schedule=f"{number % SCHEDULES} 3 * * *")
    repository.commit(f"Change {number}")
    following.follower.sync()
    following.announced.clear()


def _traced() -> int:
    """Bytes that the package has allocated: other tests of the process leave threads that allocate, too."""
    gc.collect()
    ours = tracemalloc.Filter(True, f"{Path(chronos_gitops.__file__).parent}/*")
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([ours]).traces)
