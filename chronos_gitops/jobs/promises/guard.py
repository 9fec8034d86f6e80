"""``guard``: after how many failures a new version is stopped (PROMISES section 3)."""

from typing import Final

from chronos_gitops.process.lazy_dataclass import dataclass

GUARD: Final = "guard"
"""Author of the guard's pause, and reason of the executions cancelled with it."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A version whose first ``executions`` all failed is paused."""

    executions: int

    def document(self) -> dict[str, int]:
        return {"executions": self.executions}
