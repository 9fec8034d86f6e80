"""Budgets of a caller: calls in a row, and heavy questions at a time (TEAMS section 10).

Nothing can interrupt a thread that computes. So questions whose work grows with a file's content run in threads of
their own, of which there are few; whoever waits for one too long is answered 503 while that thread works on.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar, cast

from flask import Flask, Response, current_app, g, request
from flask.ctx import RequestContext, _AppCtxGlobals
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue

from chronos_gitops.process import engine_priority
from chronos_gitops.process.bounded_dict import BoundedDict
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.server.api import endpoint, problems
from chronos_gitops.server.api.auth import origin
from chronos_gitops.server.api.problems import ApiError

T = TypeVar("T")
_EXTENSION: Final = "chronos_gitops.budgets"
_CALLERS: Final = 4096
"""Maximum number of callers remembered; the least recently seen one is dropped first."""


class TooManyRequests(ApiError):
    """``retry_after`` in seconds."""

    kind = "too-many-requests"

    def __init__(self, message: str, *, hint: str, retry_after: int) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class TooSlow(ApiError):
    kind = "too-slow"


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls a second and in one burst, writes a minute; heavy questions in all, for each caller and in line; seconds
    in line, and until the answer is 503."""

    rate: float = 20.0
    burst: float = 100.0
    writes: float = 60.0
    heavy: int = 2
    heavy_per_caller: int = 1
    line: int = 4
    patience: float = 5.0
    longest: float = 15.0


class Rate:
    """A token bucket for each caller. Bounded in memory, safe from any thread."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._lock = threading.Lock()
        self._levels: BoundedDict[str, tuple[float, float]] = BoundedDict(_CALLERS)  # caller: (calls left, when)

    def state(self, caller: str, now: float) -> tuple[int, int]:
        """Calls left, and seconds until all of them are."""
        with self._lock:
            left, then = self._levels.get(caller, (self._burst, now))
        left = min(self._burst, left + max(0.0, now - then) * self._per_second)
        return math.floor(left), math.ceil((self._burst - left) / self._per_second)

    @property
    def policy(self) -> tuple[int, int]:
        """Calls at once, and seconds in which they come back."""
        return math.floor(self._burst), math.ceil(self._burst / self._per_second)

    def take(self, caller: str, now: float) -> int:
        """Seconds until the next call is let through; 0 when this one is."""
        with self._lock:
            left, then = self._levels.get(caller, (self._burst, now))
            left = min(self._burst, left + max(0.0, now - then) * self._per_second)
            is_let = left >= 1
            self._levels[caller] = (left - 1 if is_let else left, now)
        return 0 if is_let else math.ceil((1 - left) / self._per_second)


class HeavyWork:
    """A few places for work that cannot be interrupted. A place is given back when the work ends, not when its caller
    has stopped waiting for it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._changed = threading.Condition()
        self._running: dict[str, int] = {}
        self._waiting = 0

    def run(self, caller: str, per_caller: int, work: Callable[[], T]) -> T:
        """TooManyRequests when no place was free in time, TooSlow when the work takes too long."""
        self._enter(caller, per_caller)
        done = threading.Event()
        outcome: list[T] = []
        failure: list[BaseException] = []

        def worked() -> None:
            try:
                outcome.append(work())
            except BaseException as error:
                failure.append(error)
            finally:
                self._leave(caller)
                done.set()

        threading.Thread(target=worked, name="heavy-read", daemon=True).start()
        if not done.wait(self._limits.longest):
            raise TooSlow(
                f"The answer takes longer than {self._limits.longest:.0f} seconds.",
                hint="Ask for less: a smaller file, or another version.",
            )
        if failure:
            raise failure[0]
        return outcome[0]

    def _enter(self, caller: str, per_caller: int) -> None:
        with self._changed:
            if not self._is_free(caller, per_caller):
                if self._waiting >= self._limits.line:
                    raise self._refusal()
                self._waiting += 1
                try:
                    if not self._changed.wait_for(lambda: self._is_free(caller, per_caller), self._limits.patience):
                        raise self._refusal()
                finally:
                    self._waiting -= 1
            self._running[caller] = self._running.get(caller, 0) + 1

    def _leave(self, caller: str) -> None:
        with self._changed:
            self._running[caller] -= 1
            if not self._running[caller]:
                del self._running[caller]
            self._changed.notify_all()

    def _is_free(self, caller: str, per_caller: int) -> bool:
        return sum(self._running.values()) < self._limits.heavy and self._running.get(caller, 0) < per_caller

    def _refusal(self) -> TooManyRequests:
        hint = "Validations, diffs and pages of one job are answered a few at a time; try again later."
        return TooManyRequests("Too many such questions are being answered.", hint=hint, retry_after=5)


class Budgets:
    def __init__(self, limits: Limits, elapsed: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self.elapsed = elapsed
        self.calls = Rate(limits.rate, limits.burst)
        self.writes = Rate(limits.writes / 60, limits.writes)
        self.heavy = HeavyWork(limits)


def install(app: Flask, limits: Limits | None = None) -> None:
    app.extensions[_EXTENSION] = Budgets(limits or Limits())
    app.register_error_handler(TooManyRequests, _later)
    app.after_request(_tell)


def budgets() -> Budgets:
    return cast(Budgets, current_app.extensions[_EXTENSION])


def check_calls(caller: str) -> None:
    """TooManyRequests when this caller, or address, has asked too often."""
    now, counted = budgets().elapsed(), {"calls": budgets().calls}
    wait = budgets().calls.take(caller, now)
    if request.method not in origin.SAFE_METHODS:
        counted["writes"] = budgets().writes
        wait = wait or budgets().writes.take(caller, now)
    g.counted = [(name, *rate.policy, *rate.state(caller, now)) for name, rate in counted.items()]
    if wait:
        raise TooManyRequests(
            "This caller asks too often.", hint="Wait for the seconds that Retry-After names.", retry_after=wait
        )


def answer(respond: Callable[[], ResponseReturnValue], caller: str | None) -> ResponseReturnValue:
    """Run the handler and return its response. Heavy endpoints run in another thread, in the same context."""
    declared = endpoint.current()
    if declared is None or not declared.is_heavy:
        return respond()
    context, known = request_ctx.copy(), dict(vars(cast(_AppCtxGlobals, g._get_current_object())))
    found = budgets()

    def work() -> ResponseReturnValue:
        with engine_priority.low_priority(found.limits.longest), _same_context(context, known):
            return respond()

    per_caller = found.limits.heavy if caller is None else found.limits.heavy_per_caller
    return found.heavy.run(caller or "", per_caller, work)


@contextmanager
def _same_context(context: RequestContext, known: dict[str, object]) -> Iterator[None]:
    with context:
        for name, value in known.items():
            setattr(g, name, value)
        yield


def _tell(response: Response) -> Response:
    """RateLimit and RateLimit-Policy of draft-ietf-httpapi-ratelimit-headers-10: calls that are left, and seconds until
    all of them are."""
    if counted := g.get("counted"):
        response.headers["RateLimit-Policy"] = ", ".join(
            f'"{name}";q={most};w={window}' for name, most, window, *_ in counted
        )
        response.headers["RateLimit"] = ", ".join(f'"{name}";r={left};t={reset}' for name, _, _, left, reset in counted)
    return response


def _later(error: TooManyRequests) -> Response:
    refused = problems.refusal(error)
    refused.headers["Retry-After"] = str(error.retry_after)
    return refused
