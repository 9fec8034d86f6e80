"""Writes fixed files: each beside the old one and then moved over it, so that no reader sees half a file."""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from chronos_gitops.cli.checkout.local_files import LocalFiles, shown
from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.autofix import Judge, autofix
from chronos_gitops.jobs.validation.files import EditedFiles, TreeEntry
from chronos_gitops.jobs.validation.layers.layer_files import read_layers
from chronos_gitops.jobs.validation.validate import validate_file
from chronos_gitops.jobs.validation.yaml.decoding import MAX_BYTES


def mend_files(files: LocalFiles, names: Iterable[str]) -> Iterator[Problem]:
    """The problems that are gone, file by file, layers first; links and what is no regular file are left alone."""
    wanted = set(names)
    layers = {layer.path for layer in read_layers(files).all}
    for judge, shares in ((_layer_judge(files), wanted & layers), (_job_judge(files), wanted - layers)):
        for name in sorted(shares):
            yield from _mend(name, Path(files.named[name]), judge)


def _mend(name: str, path: Path, judge: Judge) -> Iterator[Problem]:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_BYTES:
        return
    before = path.read_bytes()
    mended = autofix(name, before, judge)
    if mended.problems and mended.content != before:
        replace_file(path, mended.content)
        yield from mended.problems


def _layer_judge(files: LocalFiles) -> Judge:
    """By its form, beside the other layers."""

    def judge(name: str, content: bytes) -> Sequence[Problem]:
        edited = EditedFiles(files, {TreeEntry(name, "", len(content)): content})
        return next((*layer.errors, *layer.problems) for layer in read_layers(edited).all if layer.path == name)

    return judge


def _job_judge(files: LocalFiles) -> Judge:
    """With the layers as they stand when the first job is mended: what is wrong in the file itself."""
    known = cache(lambda: read_layers(files))

    def judge(name: str, content: bytes) -> Sequence[Problem]:
        problems = validate_file(name, content, layers=known()).problems
        return [problem for problem in problems if problem.file == name]

    return judge


def replace_file(path: Path, content: bytes) -> None:
    """Writes it, or over it with its mode."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_bytes(content)
        if path.exists():
            shutil.copymode(path, draft)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(f"{shown(path)} cannot be written: {error.strerror}") from error
