"""Two texts in two columns, line by line. Pure."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from chronos_gitops.jobs.planning import text_diff


class LinePair(NamedTuple):
    """A line of each side with its number; None where the other side has more. ``is_same``: nothing changed here."""

    left: str | None
    right: str | None
    left_number: int | None
    right_number: int | None

    @property
    def is_same(self) -> bool:
        return self.left == self.right


def rows(before: Sequence[str], after: Sequence[str]) -> Iterator[LinePair]:
    """Every line of both texts, in order; lines that both have stand beside each other."""
    old = new = 0
    for left, right, size in (*text_diff.matching(before, after), (len(before), len(after), 0)):
        yield from _changed(before, after, range(old, left), range(new, right))
        for step in range(size):
            yield LinePair(before[left + step], after[right + step], left + step + 1, right + step + 1)
        old, new = left + size, right + size


def _changed(before: Sequence[str], after: Sequence[str], olds: range, news: range) -> Iterator[LinePair]:
    for old, new in zip_longest(olds, news):
        yield LinePair(
            None if old is None else before[old],
            None if new is None else after[new],
            None if old is None else old + 1,
            None if new is None else new + 1,
        )
