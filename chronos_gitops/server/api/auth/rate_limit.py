"""Wrong tokens are answered 429 after a while, by address, so that a list of them cannot be tried out."""

import ipaddress
import math
import threading

from chronos_gitops.process.bounded_dict import BoundedDict

FAILURES = 10
PER_MINUTE = 10
_ADDRESSES, _KNOWN = 4096, 4096


class Throttle:
    """Failures leak away at PER_MINUTE; who has FAILURES of them waits. Bounded in memory, safe from any thread.

    It refuses to look at tokens, so a good one would be refused as well. That is why a caller first asks ``knows``:
    a token that was let in from this address before goes on being let in, whoever else fails behind the same one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: BoundedDict[str, tuple[float, float]] = BoundedDict(_ADDRESSES)  # address: (failures, when)
        self._good: BoundedDict[tuple[str, str], None] = BoundedDict(_KNOWN)

    def wait(self, address: str | None, now: float) -> int:
        """Whole seconds until the next try from here is looked at; 0 is now."""
        with self._lock:
            over = self._level(_network(address), now) - (FAILURES - 1)
        return math.ceil(over * 60 / PER_MINUTE) if over > 0 else 0

    def failed(self, address: str | None, now: float) -> None:
        network = _network(address)
        with self._lock:
            self._failures[network] = (min(self._level(network, now) + 1, FAILURES), now)

    def succeeded(self, address: str | None, digest: str) -> None:
        with self._lock:
            self._good[_network(address), digest] = None

    def knows(self, address: str | None, digest: str) -> bool:
        with self._lock:
            return (_network(address), digest) in self._good

    def _level(self, network: str, now: float) -> float:
        failures, then = self._failures.get(network, (0.0, now))
        return max(0.0, failures - (now - then) * PER_MINUTE / 60)


def _network(address: str | None) -> str:
    """An IPv6 host has a /64 to itself, so that is what is counted (RFC 6177)."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)
