"""Which version wrote each line: what ``git blame`` tells, from contents that are at hand anyway. Pure."""

from collections.abc import Iterable, Sequence

from chronos_gitops.jobs.planning import text_diff
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class BlamedLine:
    text: str
    version: int


def annotate(versions: Iterable[tuple[int, str]]) -> Sequence[BlamedLine]:
    """``versions`` are numbers and contents, oldest first; the answer is the newest one's lines."""
    lines: list[BlamedLine] = []
    for number, content in versions:
        fresh = content.splitlines()
        following = [BlamedLine(text, number) for text in fresh]
        for old, new, size in text_diff.matching([line.text for line in lines], fresh):
            following[new : new + size] = lines[old : old + size]
        lines = following
    return lines
