"""Exponential backoff: the wait after failures in a row. The one function for webhooks, notifications and git."""

from datetime import timedelta
from random import Random
from typing import Final

from chronos_gitops.process.lazy_dataclass import dataclass

SPREAD: Final = 0.2
"""Each wait is up to this share shorter or longer, so that a crowd does not return in step; never nearly zero."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """``first``, then ``multiplier`` times the wait before, at most ``longest``; all of it before the spread."""

    first: timedelta
    longest: timedelta
    multiplier: float = 2.0

    def wait(self, failures: int, random: Random) -> timedelta:
        """The wait after so many failures in a row, from 1 on."""
        return spread(self._exact(failures), random)

    @property
    def upper_bound(self) -> timedelta:
        """No wait is longer."""
        return self.longest * (1 + SPREAD)

    def _exact(self, failures: int) -> timedelta:
        try:
            return min(self.first * self.multiplier ** (failures - 1), self.longest)
        except OverflowError:
            return self.longest if self.first else timedelta(0)


def spread(wait: timedelta, random: Random) -> timedelta:
    return wait * random.uniform(1 - SPREAD, 1 + SPREAD)
