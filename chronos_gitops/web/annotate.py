"""Which version wrote each line: what ``git blame`` tells, from contents that are at hand anyway. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    version: int


def annotate(versions: Iterable[tuple[int, str]]) -> Sequence[Line]:
    """``versions`` are numbers and contents, oldest first; the answer is the newest one's lines."""
    lines: list[Line] = []
    for number, content in versions:
        fresh = content.splitlines()
        matcher = SequenceMatcher(None, [line.text for line in lines], fresh, autojunk=False)
        following = [Line(text, number) for text in fresh]
        for block in matcher.get_matching_blocks():
            following[block.b : block.b + block.size] = lines[block.a : block.a + block.size]
        lines = following
    return lines
