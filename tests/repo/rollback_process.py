"""A process that rolls back job ``one`` to version 1 and may be killed on the way; it prints the commit.

``python rollback_process.py REPOSITORY DATA FAILPOINT REQUEST_ID``
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from chronos_gitops import failpoints
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.repo.follow import Follower
from chronos_gitops.repo.rollback import Person, RollbackRequest, Rollbacks
from chronos_gitops.repo.source import open_source


def ignore(_jobs: JobSet) -> None:
    """No engine is needed here."""


def main(repository: str, data: str, point: str, request_id: str) -> None:
    follower = Follower(
        open_source(repository, data=Path(data)),
        on_change=ignore,
        data=Path(data),
        now=lambda: datetime.now(UTC),
    )
    follower.start()
    failpoints.arm(point)
    asked = RollbackRequest("one", "1", "", Person("Alice", "alice@example.com"), request_id)
    print(Rollbacks(follower).perform(asked).commit)
    follower.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
