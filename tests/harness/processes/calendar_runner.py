"""An engine with calendars in a process of its own, whose clock a test turns and which may kill itself."""

from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from harness.clock import HandClock
from harness.engine_harness import Bench, Seen, eventually
from harness.engines import EngineMaker, on_postgres, on_sqlite
from harness.machine.calendar_jobs import EVERYTHING, NAMES, job_set

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.process import failpoints


def maker(store: str, place: str) -> EngineMaker:
    """``store``: a PostgreSQL address, or the path of a SQLite file. ``place``: one for each replica."""
    return on_postgres(store, place) if store.startswith("postgres") else on_sqlite(Path(store))


def live(store: str, place: str, now: datetime, pipe: Connection) -> None:
    """Answers each (command, argument) once it is done: ``apply`` (closed, number), ``advance`` a timedelta,
    ``arm`` failpoints, ``settle``, ``end``."""
    with Receiver() as receiver:
        clock, seen = HandClock(now), Seen()
        bench = Bench(maker(store, place), receiver, clock, seen)
        engine = bench.build()
        engine.start()
        bench.adopt(engine)

        def is_settled() -> bool:
            following = [engine.next_runs(name, 1) for name in NAMES]
            is_decided = all(not one or one[0] > clock.now() for one in following)
            if is_decided and all(row.status.is_final for row in engine.executions(EVERYTHING)):
                return True
            clock.rest(timedelta(seconds=1))  # retries wait by this clock, also of what a killed runner left
            return False

        while True:
            command, argument = pipe.recv()
            if command == "apply":
                engine.apply(job_set(bench, *argument))
            elif command == "advance":
                assert isinstance(argument, timedelta)
                clock.advance(argument)
            elif command == "arm":
                failpoints.arm(argument)
            elif command == "settle":
                eventually(is_settled, 100)  # also what another replica ends
            else:
                bench.stop_all()
            pipe.send(command)
            if command == "end":
                return
