"""The cost of one next tick, beside croniter and, where it is installed, cronsim: ``python bench/next_after.py``.

Every library gets the same random instants; rounds are interleaved, so that a busy machine slows all of them alike, and
the ratio of each round is taken before the median. Nobody keeps state between the questions, as a scheduler asks after
a restart or an edit.
"""

import importlib.util
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

from chronos_gitops.schedule.schedule import Schedule

ZONE = "America/New_York"
KINDS = {
    "every five minutes": "*/5 * * * *",
    "daily": "0 2 * * *",
    "first Monday": "0 9 * * 1#1",
    "either day field": "30 4 1,15 * 5",
    "leap day": "0 0 29 2 *",
}
ROUNDS, QUESTIONS = 25, 200

Ask = Callable[[datetime], object]


def askers(text: str) -> Mapping[str, Ask]:
    zone, schedule = ZoneInfo(ZONE), Schedule(text, ZONE)
    kept = croniter(text, datetime(2026, 1, 1, tzinfo=zone), ret_type=datetime)
    asks: dict[str, Ask] = {
        "chronos-gitops": schedule.next_after,
        "croniter, kept": lambda instant: kept.get_next(start_time=instant.astimezone(zone)),
        "croniter, new": lambda instant: croniter(text, instant.astimezone(zone), ret_type=datetime).get_next(),
    }
    if importlib.util.find_spec("cronsim"):
        from cronsim import CronSim  # type: ignore[import-not-found]  # not a dependency

        asks["cronsim"] = lambda instant: next(CronSim(text, instant.astimezone(zone)))
    return asks


def microseconds(ask: Ask, instants: Sequence[datetime]) -> float:
    begun = time.perf_counter()
    for instant in instants:
        ask(instant)
    return (time.perf_counter() - begun) / len(instants) * 1e6


def measure(text: str, draw: random.Random) -> dict[str, list[float]]:
    asks = askers(text)
    rounds: dict[str, list[float]] = {name: [] for name in asks}
    for _ in range(ROUNDS):
        start = datetime(2026, 1, 1, tzinfo=UTC)
        instants = [start + timedelta(seconds=draw.randrange(365 * 86_400)) for _ in range(QUESTIONS)]
        for name, ask in asks.items():
            rounds[name].append(microseconds(ask, instants))
    return rounds


def main() -> None:
    draw = random.Random(0)
    sys.stdout.write(f"one next tick in {ZONE}, microseconds (times chronos-gitops); {ROUNDS} interleaved rounds\n\n")
    for kind, text in KINDS.items():
        rounds = measure(text, draw)
        ours = rounds["chronos-gitops"]
        cells = []
        for name, times in rounds.items():
            ratio = statistics.median(theirs / own for theirs, own in zip(times, ours, strict=True))
            cells.append(f"{name} {statistics.median(times):6.1f} ({ratio:4.1f}x)")
        sys.stdout.write(f"{kind:20}{text:16}{'   '.join(cells)}\n")


if __name__ == "__main__":
    main()
