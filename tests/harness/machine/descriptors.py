"""A process that can open nothing for a while."""

import contextlib
import resource
from collections.abc import Iterator


@contextlib.contextmanager
def no_descriptor() -> Iterator[None]:
    """Open descriptors stay open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
