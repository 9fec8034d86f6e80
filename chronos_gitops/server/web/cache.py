"""A cache of values that are expensive and change with the jobs only."""

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from chronos_gitops.jobs.model import JobSet
from chronos_gitops.process.bounded_dict import BoundedDict

T = TypeVar("T")


class PageCache:
    """At most ``most`` values; the oldest goes first. Safe from any thread: two that ask at once both make it."""

    def __init__(self, most: int) -> None:
        self._lock = threading.Lock()
        self._jobs: JobSet | None = None
        self._found: BoundedDict[Hashable, Any] = BoundedDict(most)

    def of(self, jobs: JobSet, key: Hashable, make: Callable[[], T]) -> T:
        """The value of this key for these jobs, made when it is not known."""
        missing = object()
        found = self.get(jobs, key, missing)
        if found is missing:
            found = make()
            self.put(jobs, key, found)
        return found  # type: ignore[no-any-return]  # what was put is what make gives

    def get(self, jobs: JobSet, key: Hashable, default: Any = None) -> Any:
        with self._lock:
            return self._found.get(key, default) if jobs is self._jobs else default

    def put(self, jobs: JobSet, key: Hashable, value: object) -> None:
        with self._lock:
            if jobs is not self._jobs:
                self._jobs = jobs
                self._found.clear()
            self._found[key] = value
