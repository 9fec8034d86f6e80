"""Line diffs in bounded time, for the API, the pages and rollback plans. Pure.

``difflib`` alone takes time with the square of the number of lines, or worse. Here it only compares small stretches;
longer texts are first split at lines that are unique on both sides (patience diff), and what stays large and alike
nowhere is shown as replaced.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import Match, SequenceMatcher
from typing import Final

from chronos_gitops.process.lazy_dataclass import dataclass

MAX_LINES: Final = 5_000
"""Lines of a diff that are shown."""
_CONTEXT: Final = 3
_STRETCH: Final = 400_000
"""Lines of one side times lines of the other that are compared line by line; 600 lines of each."""
_ALL_STRETCHES: Final = 4 * _STRETCH
_MAX_DEPTH: Final = 12


@dataclass(frozen=True, slots=True)
class UnifiedDiff:
    """``text`` without a final part when ``truncated``."""

    text: str
    truncated: bool = False


def unified(old: Sequence[str], new: Sequence[str], *, before: str, after: str) -> UnifiedDiff:
    """Unified as git shows it; the lines have no line ends. ``before`` and ``after`` name the two sides."""
    text = [f"--- {before}", f"+++ {after}"]
    for group in _Matcher(old, new).get_grouped_opcodes(_CONTEXT):
        text += _hunk(group, old, new)
        if len(text) > MAX_LINES:
            return UnifiedDiff("".join(f"{line}\n" for line in text[:MAX_LINES]), truncated=True)
    return UnifiedDiff("".join(f"{line}\n" for line in text) if len(text) > 2 else "")


def matching(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int]]:
    """Equal stretches as (start in old, start in new, length), in order, without overlaps."""
    found: list[tuple[int, int, int]] = []
    for start, other, size in _MatchingBlocks(old, new).blocks(0, len(old), 0, len(new), 0):
        if found and (found[-1][0] + found[-1][2], found[-1][1] + found[-1][2]) == (start, other):
            found[-1] = (found[-1][0], found[-1][1], found[-1][2] + size)
        elif size:
            found.append((start, other, size))
    return found


class _Matcher(SequenceMatcher[str]):
    """difflib's groups of changes with context, over our own matches."""

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        self.a, self.b = old, new
        self.opcodes = None

    def get_matching_blocks(self) -> list[Match]:
        return [*(Match(*one) for one in matching(self.a, self.b)), Match(len(self.a), len(self.b), 0)]


class _MatchingBlocks:
    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        self._old, self._new = old, new
        self._left = _ALL_STRETCHES

    def blocks(self, low: int, high: int, start: int, end: int, depth: int) -> Iterator[tuple[int, int, int]]:
        old, new = self._old, self._new
        ahead = low
        while low < high and start < end and old[low] == new[start]:
            low, start = low + 1, start + 1
        yield ahead, start - (low - ahead), low - ahead
        behind = high
        while low < high and start < end and old[high - 1] == new[end - 1]:
            high, end = high - 1, end - 1
        yield from self._between(low, high, start, end, depth)
        yield high, end, behind - high

    def _between(self, low: int, high: int, start: int, end: int, depth: int) -> Iterator[tuple[int, int, int]]:
        work = (high - low) * (end - start)
        if not work:
            return
        if work <= min(_STRETCH, self._left):
            self._left -= work
            near = SequenceMatcher(None, self._old[low:high], self._new[start:end])
            yield from ((low + one.a, start + one.b, one.size) for one in near.get_matching_blocks())
            return
        anchors = self._anchors(low, high, start, end) if depth < _MAX_DEPTH else []
        if not anchors:
            return
        for at, other in [*anchors, (high, end)]:
            yield from self.blocks(low, at, start, other, depth + 1)
            if at < high:
                yield at, other, 1
            low, start = at + 1, other + 1

    def _anchors(self, low: int, high: int, start: int, end: int) -> list[tuple[int, int]]:
        """Lines that are unique on both sides, as many as stand in the same order."""
        once = {line for line, count in Counter(self._old[low:high]).items() if count == 1}
        places = {self._new[at]: at for at in range(start, end) if self._new[at] in once}
        counts = Counter(self._new[start:end])
        pairs = [
            (at, places[line])
            for at in range(low, high)
            if (line := self._old[at]) in places and line in once and counts[line] == 1
        ]
        return _longest_rising(pairs)


def _longest_rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest subsequence whose second members rise (patience sorting)."""
    ends: list[int] = []
    tops: list[int] = []
    before: list[int] = []
    for number, (_, other) in enumerate(pairs):
        pile = bisect_left(ends, other)
        before.append(tops[pile - 1] if pile else -1)
        if pile == len(ends):
            ends.append(other)
            tops.append(number)
        else:
            ends[pile], tops[pile] = other, number
    found, at = [], tops[-1] if tops else -1
    while at >= 0:
        found.append(pairs[at])
        at = before[at]
    return found[::-1]


def _hunk(group: Sequence[tuple[str, int, int, int, int]], old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    first, last = group[0], group[-1]
    yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@"
    for tag, low, high, start, end in group:
        if tag == "equal":
            yield from (f" {line}" for line in old[low:high])
            continue
        yield from (f"-{line}" for line in old[low:high])
        yield from (f"+{line}" for line in new[start:end])


def _range(start: int, stop: int) -> str:
    length = stop - start
    beginning = start + 1 if length else start
    return f"{beginning}" if length == 1 else f"{beginning},{length}"
