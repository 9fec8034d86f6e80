"""The progress of one attempt, and the time it spent in each phase of its exchanges."""

import time
from collections import defaultdict
from contextvars import ContextVar
from dataclasses import field
from enum import StrEnum

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.transport.peer import Peer


class Phase(StrEnum):
    """Phase of an attempt; the value ends a sentence about an exceeded deadline."""

    PREPARING = "while preparing the request"
    RESOLVING = "while resolving the name"
    CONNECTING = "while connecting"
    SECURING = "while negotiating TLS"
    WAITING = "while waiting for the answer"
    READING = "while reading the answer"


@dataclass(frozen=True, slots=True)
class PhaseTimes:
    """Milliseconds of each phase of one attempt; None: it did not come so far, or a kept connection needed none.

    ``first_byte`` counts from the connection to the first byte of an answer, so sending is in it; ``read`` from there
    to the last one. The requests for an oauth2 token are in these times, too.
    """

    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    first_byte: float | None = None
    read: float | None = None

    def spent(self) -> list[tuple[str, float]]:
        """The phases that there were, with their milliseconds."""
        several = (("dns", self.dns), ("connect", self.connect), ("tls", self.tls))
        both = (*several, ("first_byte", self.first_byte), ("read", self.read))
        return [(name, milliseconds) for name, milliseconds in both if milliseconds is not None]


@dataclass(slots=True)
class PhaseTimer:
    """A stopwatch that changes hands: each phase ends where the next one begins."""

    phase: Phase = Phase.PREPARING
    peer: Peer | None = None
    """The other end of the newest connection."""
    _since: float = field(default_factory=time.monotonic)
    _spent: defaultdict[Phase, float] = field(default_factory=lambda: defaultdict(float))

    def enter(self, phase: Phase) -> None:
        now = time.monotonic()
        self._spent[self.phase] += now - self._since
        self.phase, self._since = phase, now

    def connected(self) -> None:
        """A connection is there; one that was kept has looked up nothing, and opened nothing."""
        if self.phase is Phase.RESOLVING:
            self.phase = Phase.PREPARING
        self.enter(Phase.WAITING)

    def times(self) -> PhaseTimes | None:
        """Time spent in each phase so far; None before an exchange began."""
        self.enter(self.phase)
        spent = {phase: round(seconds * 1000, 2) for phase, seconds in self._spent.items()}
        if spent.keys() <= {Phase.PREPARING}:
            return None
        return PhaseTimes(
            spent.get(Phase.RESOLVING),
            spent.get(Phase.CONNECTING),
            spent.get(Phase.SECURING),
            spent.get(Phase.WAITING),
            spent.get(Phase.READING),
        )


current: ContextVar[PhaseTimer] = ContextVar("progress")
"""Of the attempt that a connection is opened for: what opens it is told an address and nothing else."""
