"""Many files judged on every processor, for a report: what is wrong in each and its name, without the jobs.

10,000 files take half the time on two processors (bench/validate.py); a runner's first pass reads in its own thread.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from chronos_gitops.jobs.files.name_owner import Incumbents, NoIncumbents
from chronos_gitops.jobs.layers.tree import Layers
from chronos_gitops.jobs.problem import ordered
from chronos_gitops.jobs.validation.calendar_files import findings, known_calendars, read_calendars
from chronos_gitops.jobs.validation.layers.layer_files import jobs_among, read_layers
from chronos_gitops.jobs.validation.validate import (
    FileResult,
    Files,
    TreeEntry,
    TreeResult,
    check_across_files,
    parse_each,
)
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.calendar import Calendar

if TYPE_CHECKING:
    from concurrent.futures import Future

_WORTH_A_PROCESS: Final = 200
"""Files; a process costs as much as parsing 30 of them."""
_MOST: Final = 16
_NO_INCUMBENTS: Final = NoIncumbents()


@dataclass(frozen=True, slots=True)
class _Judge:
    """Validates a share of the files. Worker processes inherit it by fork."""

    files: Files
    today: datetime | None
    secrets: frozenset[str] | None
    layers: Layers
    calendars: Mapping[str, Calendar]

    def __call__(self, entries: Sequence[TreeEntry]) -> Iterator[FileResult]:
        return parse_each(
            self.files,
            entries,
            self.layers,
            today=self.today,
            secrets=self.secrets,
            make_job=False,
            calendars=self.calendars,
        )


def validate_in_parallel(
    files: Files,
    *,
    today: datetime | None = None,
    secrets: frozenset[str] | None = None,
    incumbents: Incumbents = _NO_INCUMBENTS,
    day: Callable[[], date | None] = lambda: None,
    from_root: Callable[[str], str] = str,
    on_file: Callable[[], None] = lambda: None,
) -> TreeResult:
    """As ``validate_tree`` judges them, but ``job`` is None in every file. For a process that has one thread.

    ``day`` is that of the commit at the head, from which policies look ahead; ``from_root`` makes a path one from the
    root of the repository.
    """
    layers = read_layers(files)
    if layers.policies.files:
        layers = layers.with_policies(layers.policies.on(day(), from_root))
    read = read_calendars(files)
    judge = _Judge(files, today, secrets, layers, known_calendars(read, None))
    found = []
    for one in _judged(judge, _shares(tuple(jobs_among(files)))):
        found.append(one)
        on_file()
    judged = check_across_files(found, incumbents, layers)
    about = findings(read, (one.calendars for one in judged.files), today)
    return replace(judged, problems=ordered((*judged.problems, *about)), calendar_files=read)


def _judged(judge: _Judge, shares: Sequence[Sequence[TreeEntry]]) -> Iterator[FileResult]:
    """The first share in this process, the others each in one of their own."""
    if len(shares) == 1:
        yield from judge(shares[0])
        return
    import multiprocessing  # 17 ms, an eighth of `validate` for one file
    from concurrent.futures import ProcessPoolExecutor

    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(len(shares) - 1, mp_context=fork, initializer=_start_worker, initargs=(judge,)) as pool:
        helpers = [pool.submit(_judge_share, share) for share in shares[1:]]
        yield from judge(shares[0])
        for share, helper in zip(shares[1:], helpers, strict=True):
            yield from _result(helper, judge, share)


def _result(helper: "Future[list[FileResult]]", judge: _Judge, share: Sequence[TreeEntry]) -> Iterable[FileResult]:
    """Results of a worker process; if it was killed, this process validates its share."""
    from concurrent.futures.process import BrokenProcessPool

    try:
        return helper.result()
    except BrokenProcessPool:
        return judge(share)


def _shares(entries: Sequence[TreeEntry]) -> list[Sequence[TreeEntry]]:
    """Neighbours stay together, so that the order of the files is kept."""
    number = min(_MOST, len(os.sched_getaffinity(0)), len(entries) // _WORTH_A_PROCESS)
    if number < 2 or threading.active_count() > 1:  # a fork copies the locks of other threads, but not the threads
        return [entries]
    size = -(-len(entries) // number)
    return [entries[start : start + size] for start in range(0, len(entries), size)]


_of_worker: list[_Judge] = []
"""In a worker process the judge that it was started with."""


def _start_worker(judge: _Judge) -> None:
    """Ctrl-C reaches every process of the terminal, and is this program's to report."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _of_worker[:] = [judge]


def _judge_share(share: Sequence[TreeEntry]) -> list[FileResult]:
    return list(_of_worker[0](share))
