"""Many files judged on every processor, for a report: what is wrong in each and its name, without the jobs.

10,000 files take half the time on two processors (bench/validate.py); a runner's first pass reads in its own thread.
"""

import os
import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from chronos_gitops.jobs.name_owner import Incumbents, NoIncumbents
from chronos_gitops.jobs.validation.document import SourceSpan
from chronos_gitops.jobs.validation.validate import Entry, FileResult, Files, TreeResult, check_across_files, parse_each

_WORTH_A_PROCESS: Final = 200
"""Files; a process costs as much as parsing 30 of them."""
_MOST: Final = 16
_NO_INCUMBENTS: Final = NoIncumbents()
Judge = Callable[[Sequence[Entry]], Iterator[FileResult]]


def validate_in_parallel(
    files: Files,
    *,
    today: datetime | None = None,
    secrets: frozenset[str] | None = None,
    incumbents: Incumbents = _NO_INCUMBENTS,
    on_file: Callable[[], None] = lambda: None,
) -> TreeResult:
    """As ``load`` judges them, but ``job`` is None in every file. For a process that has one thread."""

    def parsed(entries: Sequence[Entry]) -> Iterator[FileResult]:
        return parse_each(files, entries, today=today, secrets=secrets, make_job=False)

    shares = _shares(files.entries)
    helpers = [_WorkerProcess.start(share, parsed) for share in shares[1:]]
    found = []
    for one in parsed(shares[0]):
        found.append(one)
        on_file()
    for helper in helpers:
        for one in helper.result(parsed):
            found.append(one)
            on_file()
    return check_across_files(found, incumbents)


def _shares(entries: Sequence[Entry]) -> list[Sequence[Entry]]:
    """Neighbours stay together, so that the order of the files is kept."""
    number = min(_MOST, len(os.sched_getaffinity(0)), len(entries) // _WORTH_A_PROCESS)
    if number < 2 or threading.active_count() > 1:  # a fork copies the locks of other threads, but not the threads
        return [entries]
    size = -(-len(entries) // number)
    return [entries[start : start + size] for start in range(0, len(entries), size)]


@dataclass(frozen=True, slots=True)
class _WorkerProcess:
    """A forked process that judges a share and writes what it found into a pipe."""

    share: Sequence[Entry]
    process: int
    pipe: int

    @classmethod
    def start(cls, share: Sequence[Entry], judge: Judge) -> "_WorkerProcess":
        reading, writing = os.pipe()
        process = os.fork()
        if process:
            os.close(writing)
            return cls(share, process, reading)
        try:
            with os.fdopen(writing, "wb") as out:
                pickle.dump([_row(parsed) for parsed in judge(share)], out, pickle.HIGHEST_PROTOCOL)
        finally:
            os._exit(0)  # nothing of the parent's is flushed or closed twice

    def result(self, judge: Judge) -> Iterator[FileResult]:
        """What it found; a helper that was killed is replaced by this process."""
        with os.fdopen(self.pipe, "rb") as pipe:
            try:
                rows = pickle.load(pipe)
            except (EOFError, pickle.UnpicklingError):
                rows = None
        os.waitpid(self.process, 0)
        if rows is None:
            return judge(self.share)
        return map(_parsed, rows)


def _row(parsed: FileResult) -> tuple[Any, ...]:
    at = parsed.named_at
    return parsed.path, parsed.blob, parsed.name, parsed.problems, (at.line, at.column, at.end, at.whole)


def _parsed(row: tuple[Any, ...]) -> FileResult:
    path, blob, name, problems, named_at = row
    return FileResult(path, blob, name, None, problems, SourceSpan(*named_at))
