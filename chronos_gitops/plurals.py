"""A number with its noun: the one place that knows ``1 attempt`` from ``2 attempts``."""


def plural(number: float, noun: str) -> str:
    """``1 job``, ``0 jobs``, ``1,200 jobs``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def verb(number: float, one: str, several: str) -> str:
    """``1 run goes``, ``2 runs go``."""
    return one if number == 1 else several
