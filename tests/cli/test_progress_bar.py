"""The progress bar, with a clock that is turned by hand."""

import io

from chronos_gitops.cli.progress_bar import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def steps(stream: io.StringIO, number: int, *, each: float) -> str:
    clock = Clock()
    with progress(number, stream, clock=clock) as step:
        for _ in range(number):
            clock.now += each
            step()
    return stream.getvalue()


def test_nothing_is_shown_when_it_is_quick() -> None:
    assert steps(Terminal(), 4, each=0.1) == ""


def test_nothing_is_shown_to_a_file() -> None:
    assert steps(io.StringIO(), 4, each=1) == ""


def test_it_grows_and_leaves_nothing_behind() -> None:
    shown = steps(Terminal(), 4, each=1).split("\r\x1b[K")
    assert shown[1] == f"[{'#' * 7}{'.' * 23}] 1 of 4 files"
    assert shown[4] == f"[{'#' * 30}] 4 of 4 files"
    assert shown[-1] == ""


def test_it_is_drawn_ten_times_a_second_at_most() -> None:
    assert steps(Terminal(), 1_000, each=0.001).count("files") == 6


def test_it_is_gone_also_when_something_fails() -> None:
    stream, clock = Terminal(), Clock()
    try:
        with progress(2, stream, clock=clock) as step:
            clock.now = 1
            step()
            raise ValueError
    except ValueError:
        assert stream.getvalue().endswith("\r\x1b[K")
