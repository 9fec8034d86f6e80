"""20,000 commits over 1,000 jobs: the index of versions built, extended, asked and remembered, beside ``git log``.

``python bench/history.py [commits] [jobs] [layer edits in percent]``; the repository is made by git fast-import in a
folder of its own. With layer edits there are ten ``_defaults.yaml`` and three environments, edited in turn.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import RepositoryPaths
from chronos_gitops.git.incomplete_clone import PresentObjects
from chronos_gitops.versions.history import History
from chronos_gitops.versions.history_cache import HistoryCache

JOB = 'name: job-{job}\nschedule: "{minute} {hour} * * *"\nenabled: true\nwebhook:\n  url: https://example.com/{tick}\n'
ROUNDS = 20
LAYER = "timeout: {tick}s\nretry_policy:\n  max_attempts: 4\n"
LAYERS = (
    "_defaults.yaml",
    *(f"team-{team}/_defaults.yaml" for team in range(9)),
    *(f"_environments/{name}.yaml" for name in ("production", "staging", "test")),
)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def stream(commits: int, jobs: int, *, first: int = 0, percent: float = 0) -> Iterator[bytes]:
    """For git-fast-import(1); every commit changes one job or one layer, and the first one makes all layers."""
    every = round(100 / percent) if percent else 0
    for tick in range(first, first + commits):
        yield b"commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata 6\nChange\n" % (1_600_000_000 + tick)
        if tick == first and first:
            yield b"from refs/heads/main^0\n"
        if every and tick % every == 0:
            for layer in LAYERS if tick == 0 else (LAYERS[tick // every % len(LAYERS)],):
                yield written(layer, LAYER.format(tick=tick % 250 + 1))
        else:
            job = tick % jobs
            text = JOB.format(job=job, minute=tick % 60, hour=tick % 24, tick=tick)
            yield written(f"team-{job % 20}/job-{job}.yaml", text)


def written(path: str, text: str) -> bytes:
    return b"M 100644 inline jobs/%s\ndata %d\n%s\n" % (path.encode(), len(text.encode()), text.encode())


def grow(folder: Path, commits: int, jobs: int, *, first: int = 0, percent: float = 0) -> None:
    text = b"".join(stream(commits, jobs, first=first, percent=percent))
    subprocess.run(["git", "-C", str(folder), "fast-import", "--quiet"], input=text, check=True)


def timed(ask: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    ask()
    return (time.perf_counter() - begun) * 1000


def resident() -> float:
    """MiB now (proc(5))."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def main(commits: int = 20_000, jobs: int = 1_000, percent: float = 0) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder, file = Path(temporary, "repo.git"), Path(temporary, "history.json")
        subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(folder)], check=True)
        grow(folder, commits, jobs, percent=percent)
        report(folder, file, commits, jobs, percent)


def report(folder: Path, file: Path, commits: int, jobs: int, percent: float) -> None:
    git = Git(RepositoryPaths(folder, folder, None))
    head, before = str(git.resolve("refs/heads/main")), resident()
    history = History(PresentObjects(git), "jobs", HistoryCache(file, "bench"))
    say(f"{commits:,} commits, {jobs:,} jobs, {percent} % of the commits edit layers")
    say(f"  first build            {timed(lambda: history.index(head)):9.1f} ms")
    say(f"  memory it takes        {resident() - before:9.1f} MiB")
    found = history.index(head)
    logs = [found.versions(job) for job in found.jobs()]
    own = sum(one.change != "inherited" for log in logs for one in log)
    say(f"  versions               {sum(map(len, logs)):9,}, {sum(map(len, logs)) - own:,} of them inherited")
    steps = []
    for step in range(ROUNDS):
        grow(folder, 1, jobs, first=commits + step)
        head = str(git.resolve("refs/heads/main"))
        steps.append(timed(lambda head=head: history.index(head)))  # type: ignore[misc]
    say(f"  one more commit        {statistics.median(steps):9.1f} ms (median of {ROUNDS})")
    warm = statistics.median(timed(lambda: history.index(head).versions("job-7")) for _ in range(ROUNDS))
    say(f"  versions of a job      {warm * 1000:9.1f} us, {len(history.index(head).versions('job-7'))} of them")
    path = "jobs/team-7/job-7.yaml"
    logs = [timed(lambda: git.run("log", "--first-parent", "--format=%H", head, "--", path)) for _ in range(5)]
    say(f"  git log -- path        {statistics.median(logs):9.1f} ms (median of 5)")
    follows = [timed(lambda: git.run("log", "--follow", "--format=%H", head, "--", path)) for _ in range(3)]
    say(f"  git log --follow path  {statistics.median(follows):9.1f} ms (median of 3)")
    say(f"  saved                  {timed(history.save):9.1f} ms, {file.stat().st_size / 2**20:.1f} MiB")
    restarted = History(PresentObjects(git), "jobs", HistoryCache(file, "bench"))
    say(f"  after a restart        {timed(lambda: restarted.index(head)):9.1f} ms")
    git.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *map(float, sys.argv[3:4]))
