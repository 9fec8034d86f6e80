"""Chance that can be repeated: a randomised programme prints its seed, and takes another one from the environment."""

import os
from random import Random
from typing import Final

VARIABLE: Final = "CHRONOS_TEST_SEED"


def seeded(usual: int) -> Random:
    """pytest shows what a failed test printed, so that the failure says how to run it again."""
    seed = int(os.environ.get(VARIABLE, usual))
    print(f"random seed {seed}: repeat with {VARIABLE}={seed}")
    return Random(seed)
