"""Writes fixed files: each beside the old one and then moved over it, so that no reader sees half a file."""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from chronos_gitops.cli.local_files import shown
from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.autofix import autofix
from chronos_gitops.jobs.validation.yaml.decoding import MAX_BYTES


def mend_files(paths: Iterable[Path]) -> Iterator[Problem]:
    """The problems that are gone, file by file; links and what is no regular file are left alone."""
    for path in paths:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_BYTES:
            continue
        before = path.read_bytes()
        mended = autofix(shown(path), before)
        if mended.problems and mended.content != before:
            _replace(path, mended.content)
            yield from mended.problems


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_bytes(content)
        shutil.copymode(path, draft)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(f"{shown(path)} cannot be written: {error.strerror}") from error
