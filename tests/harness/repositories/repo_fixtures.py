"""A follower under test: what it announced, and waiting that ends."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chronos_gitops.git.signatures.signers import Signers
from chronos_gitops.git.verification.commit_verifier import CommitVerifier
from chronos_gitops.git.verification.verified_history import VerifiedHistory
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.sync.controller import SyncController
from chronos_gitops.sync.source import BranchSource, Source, open_source
from chronos_gitops.sync.status import SyncStatus

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Following:
    """A follower and what it announced, with waiting that ends."""

    def __init__(self, repository: str | Path, data: Path, **options: Any) -> None:
        source_options = {key: options.pop(key) for key in ("mode", "branch", "jobs", "access") if key in options}
        self.announced: list[JobSet] = []
        self.refusals = 0  # how many announcements are to fail from now on
        self._changed = threading.Condition()
        source = open_source(str(repository), data=data, **source_options)
        if "signers" in options:
            options["verifier"] = verifier(source, data, options.pop("signers"), options.pop("since", None))
        self.follower = SyncController(
            source,
            on_change=self._take,
            data=data,
            **{"interval": timedelta(hours=1), "now": lambda: NOW, **options},
        )

    def _take(self, jobs: JobSet) -> None:
        with self._changed:
            if self.refusals:
                self.refusals -= 1
                raise RuntimeError("the engine is not there")
            self.announced.append(jobs)
            self._changed.notify_all()

    def wait(self, holds: Callable[[JobSet], bool], *, timeout: float = 10.0) -> float:
        """Until the newest JobSet fits, announced and told by ``jobs()``, which follows; the seconds to the first."""
        began = time.monotonic()
        with self._changed:
            assert self._changed.wait_for(lambda: holds(self.announced[-1]), timeout), self.follower.status()
        took = time.monotonic() - began
        self.wait_for_status(lambda _: holds(self.follower.jobs()))
        return took

    def wait_for_status(self, holds: Callable[[SyncStatus], bool], *, timeout: float = 10.0) -> SyncStatus:
        """For what announces nothing; looks every 5 ms."""
        until = time.monotonic() + timeout
        pause = threading.Event()
        while not holds(self.follower.status()):
            assert time.monotonic() < until, self.follower.status()
            pause.wait(0.005)
        return self.follower.status()

    @property
    def names(self) -> list[str]:
        return list(self.follower.jobs().definitions)

    def schedule(self, name: str) -> str:
        definition = self.follower.jobs().get(name)
        assert definition is not None, self.names
        return definition.job.timing.definition


def verifier(source: Source, data: Path, signers: Signers, since: str | None) -> CommitVerifier:
    """As a runner builds it."""
    assert isinstance(source, BranchSource)
    history = VerifiedHistory(data / "verified.jsonl", source.repository)
    return CommitVerifier(signers, history, since=since, fetch=source.mirror.fetch_blobs)


Follow = Callable[..., Following]
