"""The one way to read a small file that another program or person writes: a secret, a key, settings, a job file.

A pipe in its place does not make the reader wait for a writer, and a device or a file without an end does not fill the
memory.
"""

import errno
import os
import stat
from pathlib import Path
from typing import Final

KIB: Final = 1 << 10
DEFAULT_LIMIT: Final = 1 << 20
LARGEST_SECRET: Final = 8 * KIB


def read_small_file(path: Path, *, limit: int = DEFAULT_LIMIT) -> bytes:
    """The content of a regular file. OSError with its reason, also for one of more than ``limit`` bytes."""
    content = read_beginning(path, limit=limit + 1)
    if len(content) > limit:
        size = f"{limit // KIB:,} KiB" if limit >= KIB else f"{limit} bytes"
        raise OSError(errno.EFBIG, f"it is larger than {size}", str(path))
    return content


def read_secret(path: Path) -> bytes:
    """A secret of at most 8 KiB without the white space around it, such as the line break of an editor. OSError."""
    return read_small_file(path, limit=LARGEST_SECRET).strip()


def read_beginning(path: Path, *, limit: int, follow_link: bool = True) -> bytes:
    """At most ``limit`` bytes of a regular file. OSError; ELOOP for a link that is not to be followed."""
    link = 0 if follow_link else os.O_NOFOLLOW
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | link)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        return file.read(limit)
