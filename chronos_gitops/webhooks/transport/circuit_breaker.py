"""A circuit breaker per host: one that does not answer is left alone for a while, then asked by one request."""

from datetime import timedelta

from chronos_gitops.plurals import plural
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.outcome import ErrorClass, Outcome, OutcomeKind

REST = timedelta(seconds=30)
_AWAY = frozenset({ErrorClass.TIMEOUT, ErrorClass.CONNECT, ErrorClass.DNS, ErrorClass.TLS, ErrorClass.PROTOCOL})


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    open_until: float | None = None
    is_probed: bool = False


class CircuitBreakers:
    """Closed: every request goes. Open after ``after`` failures in a row (0: never): none goes for ``rest``. Then half
    open: one goes, and what it brings closes or opens the circuit. Times are those of one monotonic clock, in seconds.
    """

    def __init__(self, *, after: int, rest: timedelta = REST) -> None:
        self._after = after
        self._rest = rest.total_seconds()
        self._circuits: dict[str, _Circuit] = {}

    def refusal(self, host: str, now: float) -> Outcome | None:
        """None: the request may go, and ``settle`` must hear what became of it. Else the outcome in its place."""
        circuit = self._circuits.get(host)
        if circuit is None or circuit.open_until is None:
            return None
        if now >= circuit.open_until and not circuit.is_probed:
            circuit.is_probed = True
            return None
        failed = f"{host} failed {plural(circuit.failures, 'time')} in a row"
        message = f"no request was made: {failed} and is left alone for a while"
        wait = timedelta(seconds=max(1.0, circuit.open_until - now))
        return Outcome(OutcomeKind.RETRY, error_class=ErrorClass.CIRCUIT_OPEN, error=message, retry_after=wait)

    def settle(self, host: str, outcome: Outcome | None, now: float) -> None:
        """Record the outcome of a request that was let through; None for one that was cut off, which says nothing."""
        verdict = None if outcome is None else is_away(outcome)
        if verdict is False:
            self._circuits.pop(host, None)
            return
        circuit = self._circuits.setdefault(host, _Circuit()) if verdict else self._circuits.get(host)
        if circuit is None:
            return
        circuit.is_probed = False
        if verdict:
            circuit.failures += 1
            if 0 < self._after <= circuit.failures:
                circuit.open_until = now + self._rest

    def open_hosts(self, now: float) -> tuple[str, ...]:
        """The hosts that are left alone now; may be asked from any thread."""
        circuits = list(self._circuits.items())
        return tuple(sorted(host for host, circuit in circuits if (circuit.open_until or now) > now))


def is_away(outcome: Outcome) -> bool | None:
    """True: the host did not answer, or with a 5xx. False: it did. None: the outcome says nothing about it."""
    if outcome.error_class == ErrorClass.ASSERTION:
        return False
    if outcome.status_code is not None:
        return outcome.status_code >= 500
    return True if outcome.error_class in _AWAY else None
