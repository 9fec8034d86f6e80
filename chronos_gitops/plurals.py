"""A number with its noun: the one place that knows ``1 attempt`` from ``2 attempts``."""

from collections.abc import Sequence


def plural(number: float, noun: str) -> str:
    """``1 job``, ``0 jobs``, ``1,200 jobs``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def some(names: Sequence[str], most: int = 5) -> str:
    """``a, b and 212 more``: the first ones, and a count of the rest."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def verb(number: float, one: str, several: str) -> str:
    """``1 run goes``, ``2 runs go``."""
    return one if number == 1 else several
