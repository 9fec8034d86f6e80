"""kill -9, at random and at every failpoint of the engine: what was acknowledged is there, every tick has one row."""

import multiprocessing
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import pytest
from harness.engine_harness import Seen
from harness.machine.seeds import seeded
from harness.processes import killable_engine as victim

from chronos_gitops.cli.demo.receiver import Receiver

ENGINE_POINTS = ("before-claim-commit", "after-claim", "before-send", "after-send", "before-record", "in-drain")
SECOND = 1000
FINAL = ("success", "failed", "skipped", "cancelled")


@dataclass
class Programme:
    """Lives and deaths of an engine on one ledger."""

    ledger: Path
    receiver: Receiver
    random: Random = field(default_factory=lambda: seeded(20260302))
    acknowledged: dict[str, str] = field(default_factory=dict)
    kills: int = 0
    lost: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(["harness.processes.killable_engine"])

    def kill_at_random(self) -> None:
        """Soon: while it starts, resumes, claims, sends or records; the first one lives to see some ticks."""
        process, pipe = self._life("")
        process.join(self.random.uniform(0.02, 0.8) if self.kills else 2.5)
        process.kill()
        self._bury(process, pipe)

    def kill_at(self, point: str, *, by_hand: bool) -> None:
        """It kills itself at one of the first passes: of ticks alone, or of triggers by hand most of all."""
        if point == "in-drain":
            return self._bury(*self._life(f"{point}:kill", drain_at=0.7))
        passes = self.random.randint(1, 6 if by_hand else 2)
        return self._bury(*self._life(f"{point}:kill@{passes}", by_hand=by_hand))

    def _life(
        self, failpoint: str, *, by_hand: bool = True, drain_at: float | None = None
    ) -> tuple["multiprocessing.process.BaseProcess", Connection]:
        mine, theirs = self._processes.Pipe(duplex=False)
        process = self._processes.Process(
            target=victim.live, args=(self.ledger, self.receiver.url(""), failpoint, by_hand, drain_at, theirs)
        )
        process.start()
        theirs.close()
        return process, mine

    def _bury(self, process: "multiprocessing.process.BaseProcess", pipe: Connection) -> None:
        """Reads to the end what it had acknowledged before it died, and looks at once whether that is on disk."""
        said: dict[str, str] = {}
        while True:
            try:
                assert pipe.poll(30), "it neither died nor said anything"
                _, execution_id, status = pipe.recv()
            except EOFError:
                break
            said[execution_id] = status
        pipe.close()
        process.join(10)
        assert process.exitcode == -9
        process.close()
        self.kills += 1
        self.acknowledged |= said
        self.lost |= missing(self.ledger, said)

    def settle(self) -> None:
        """A last life to its peaceful end: everything that was claimed has ended."""
        seen = Seen()
        engine = victim.engine_on(self.ledger, seen)
        engine.start()
        engine.apply(victim.jobs(self.receiver.url("")))
        names = ("every-second", "slow-one", "latest-only")
        seen.wait_until(lambda: all(seen_of(seen, name) for name in names) and engine.health().running <= 1, 60)
        engine.stop(10)


def missing(ledger: Path, said: dict[str, str]) -> set[str]:
    """Acknowledged executions that are missing in the ledger, or have another end there."""
    connection = sqlite3.connect(ledger)
    known = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'executions'").fetchone()[0]
    status = dict(connection.execute("SELECT id, status FROM executions")) if known else {}
    connection.close()
    return {one for one, end in said.items() if one not in status or (end in FINAL and status[one] != end)}


def seen_of(seen: Seen, name: str) -> bool:
    return any(execution.job == name for execution in seen.ended)


@dataclass(frozen=True)
class Figures:
    kills: int
    acknowledged: int
    lost: int
    ticks: int
    ticks_without_a_row: int
    doubled_rows: int
    requests: int
    duplicate_deliveries: int
    requests_without_a_row: int
    successes_without_a_request: int


def figures(programme: Programme) -> Figures:
    connection = sqlite3.connect(programme.ledger)
    rows = connection.execute("SELECT id, job, tick, status, ticks, range_start FROM executions").fetchall()
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    status = {row[0]: row[3] for row in rows}
    lost = programme.lost | missing(programme.ledger, programme.acknowledged)
    covered: Counter[tuple[str, int]] = Counter()
    for _, job, tick, _, count, first in rows:
        if tick is not None:
            covered.update((job, instant) for instant in range(tick if first is None else first, tick + 1, SECOND))
            assert count == (1 if first is None else (tick - first) // SECOND + 1)
    gaps = 0
    for name in {job for job, _ in covered}:
        ticks = sorted(tick for job, tick in covered if job == name)
        gaps += sum((later - earlier) // SECOND - 1 for earlier, later in pairwise(ticks))
    requests = programme.receiver.requests
    assert all(request.header("Idempotency-Key") == request.execution_id for request in requests)
    delivered = Counter((request.execution_id or "?", request.header("X-Chronos-Attempt")) for request in requests)
    sent = {execution for execution, _ in delivered}
    return Figures(
        kills=programme.kills,
        acknowledged=len(programme.acknowledged),
        lost=len(lost),
        ticks=len(covered),
        ticks_without_a_row=gaps,
        doubled_rows=sum(count - 1 for count in covered.values()),
        requests=len(requests),
        duplicate_deliveries=sum(count - 1 for count in delivered.values()),
        requests_without_a_row=len(sent - status.keys()),
        successes_without_a_request=sum(
            end == "success" and execution not in sent for execution, end in status.items()
        ),
    )


@pytest.fixture
def programme(data_folder: Path) -> Iterator[Programme]:
    with Receiver() as receiver:
        yield Programme(data_folder / "ledger.db", receiver)


def judge(programme: Programme) -> None:
    programme.settle()
    found = figures(programme)
    print(found)
    assert found.acknowledged > programme.kills
    assert (found.lost, found.ticks_without_a_row, found.doubled_rows) == (0, 0, 0)
    assert (found.requests_without_a_row, found.successes_without_a_request) == (0, 0)
    assert found.duplicate_deliveries <= 40 * programme.kills, "only what was under way is sent again"


@pytest.mark.timeout(120)
def test_kills_at_random_and_at_every_failpoint_lose_nothing(programme: Programme) -> None:
    """Takes ten seconds: ten lives of real time, and a look at all of them."""
    for point in ENGINE_POINTS:
        programme.kill_at_random()
        programme.kill_at(point, by_hand=False)
    judge(programme)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_three_hundred_kills_lose_nothing(programme: Programme) -> None:
    """Takes some minutes."""
    for number in range(300):
        if number % 2:
            programme.kill_at_random()
        else:
            point = ENGINE_POINTS[number // 2 % len(ENGINE_POINTS)]
            programme.kill_at(point, by_hand=programme.random.random() < 0.5)
    judge(programme)
