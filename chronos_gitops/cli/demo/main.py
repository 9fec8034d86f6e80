"""The whole demo from an empty folder to the last count; everything it makes lies in one temporary folder."""

import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Any

from chronos_gitops.cli.demo import repository, scenario
from chronos_gitops.cli.demo.driver import DemoFailed, Show
from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.cli.demo.repository import DemoRepository
from chronos_gitops.cli.demo.runner_process import RunnerProcess
from chronos_gitops.cli.demo.summary import Summary, summarise
from chronos_gitops.cli.demo.terminal import Screen

SHORTEST = timedelta(seconds=10)
_USUAL = timedelta(seconds=30)


def play(*, duration: timedelta | None, environ: Mapping[str, str], screen: Screen) -> Summary:
    """Plays the acts within ``duration``; without one it goes on after them until Ctrl-C."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chronos-demo-") as scratch, Receiver() as receiver:
        place = DemoRepository(Path(scratch) / "repository", receiver.url)
        place.build()
        screen.say(f"Repository, with the jobs of jobs.example: {place.folder}")
        for line in reversed(place.log()):
            screen.say(f"         {line[:8]}{line[40:]}")
        with RunnerProcess(
            place.folder, Path(scratch) / "data", Path(scratch) / "runner.log", _calm(environ)
        ) as runner:
            show = Show(place, receiver, runner, screen, began)
            screen.say(f"The runner follows it. Page: {runner.address}/  Target: {receiver.url('/')}")
            rollback = _acts(show, duration)
            parts = show.settle()
            return summarise(show, parts, rollback, runner.stop())


def _acts(show: Show, duration: timedelta | None) -> Mapping[str, Any]:
    whole_s = (duration or _USUAL).total_seconds()
    try:
        scenario.everything_fires(show)
        show.idle_until(0.35 * whole_s)
        scenario.an_edit_is_picked_up(show)
        show.idle_until(0.45 * whole_s)
        scenario.a_default_reaches_several_jobs(show)
        show.idle_until(0.55 * whole_s)
        scenario.a_broken_file_is_held_back(show)
        show.idle_until(0.75 * whole_s)
        rollback = scenario.a_rollback_is_a_commit(show)
    except DemoFailed:
        show.screen.say(f"The runner's last words:\n{show.runner.last_words()}")
        raise
    if duration is not None:
        show.idle_until(whole_s)
        return rollback
    show.begin(f"It goes on until Ctrl-C. Look at {show.runner.address}/, or edit a file below {show.stage.folder}")
    with suppress(KeyboardInterrupt):
        show.idle_until(inf)
    return rollback


def _calm(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without this machine's own settings of a runner, with the demo's secrets."""
    return {name: value for name, value in environ.items() if not name.startswith("CHRONOS_")} | dict(
        repository.SECRETS
    )
