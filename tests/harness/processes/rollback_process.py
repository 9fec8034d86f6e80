"""A process that rolls back job ``one`` to version 1 and may be killed on the way; it prints the commit.

``python rollback_process.py REPOSITORY DATA FAILPOINT REQUEST_ID``
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from chronos_gitops.git.commit import Person
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.process import failpoints
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest
from chronos_gitops.sync.controller import SyncController
from chronos_gitops.sync.source import open_source


def ignore(_jobs: JobSet) -> None:
    """No engine is needed here."""


def main(repository: str, data: str, point: str, request_id: str) -> None:
    follower = SyncController(
        open_source(repository, data=Path(data)),
        on_change=ignore,
        data=Path(data),
        now=lambda: datetime.now(UTC),
    )
    follower.start()
    failpoints.arm(point)
    asked = RollbackRequest("one", "1", "", Person("Alice", "alice@example.com"), request_id)
    print(Reverter(follower).perform(asked).commit)
    follower.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
