"""A process that follows a repository and looks at it again and again until it is killed.

``python follow_process.py REPOSITORY DATA``
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from chronos_gitops.jobs.model import JobSet
from chronos_gitops.sync.controller import SyncController
from chronos_gitops.sync.source import open_source


def ignore(_jobs: JobSet) -> None:
    """No engine is needed here."""


def main(repository: str, data: str) -> None:
    source = open_source(repository, data=Path(data))
    follower = SyncController(source, on_change=ignore, data=Path(data), now=lambda: datetime.now(UTC))
    follower.start()
    print("following", flush=True)
    while True:
        follower.sync()


if __name__ == "__main__":
    main(*sys.argv[1:])
