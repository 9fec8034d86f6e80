"""Drawn again in place on a terminal, lines anywhere else."""

import io
import shutil

from chronos_gitops.cli.demo.live_table import live_table
from chronos_gitops.cli.demo.statistics import Statistics
from chronos_gitops.cli.demo.terminal import Screen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_no_block_is_drawn_where_it_could_not_be_erased() -> None:
    stream = io.StringIO()
    screen = Screen(stream)
    screen.draw(["a table"])
    screen.say("a line")
    assert stream.getvalue() == "a line\n"


def test_a_line_that_stays_goes_above_the_block() -> None:
    stream = Terminal()
    screen = Screen(stream)
    screen.draw(["one", "two"])
    screen.say("stays")
    screen.draw(["three"])
    assert stream.getvalue() == "one\ntwo\n\x1b[2A\x1b[Jstays\nthree\n"


def test_long_lines_are_cut_so_that_they_can_be_erased() -> None:
    stream = Terminal()
    Screen(stream).draw(["x" * 1000])
    assert len(stream.getvalue()) == shutil.get_terminal_size().columns


def test_the_table_has_a_line_for_each_job_and_one_for_all() -> None:
    sync = {"state": "synced"}
    job = {"name": "a", "schedule": "@every 1s", "version": 2, "state": "enabled", "sync": sync}
    broken = job | {"name": "b", "sync": {"state": "quarantined"}}
    disabled = job | {"name": "c", "state": "disabled"}
    tally = Statistics(received=3, retried=1, lateness_ms=[2.0])
    tally.ticks["success"] = 2
    lines = live_table(1.0, "http://127.0.0.1:1", {"items": [job, broken, disabled]}, {"a": tally})
    assert lines[1] == "  1.0 s  http://127.0.0.1:1/  late p50 2.0 ms"
    assert [line.split() for line in lines[4:]] == [
        ["a", "1s", "v2", "3", "2", "-", "1", "-", "-"],
        ["b", "1s", "v2", "held", *"------"],
        ["c", "-", "v2", "off", *"------"],
        ["all", "-", "-", "3", "2", "-", "1", "-", "-"],
    ]
