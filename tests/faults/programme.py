"""Faults at random, one after the other, for a while; then everything ends and the checker looks at what is left."""

import contextlib
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random
from time import monotonic

from faults.checker import repeated_lines, scheduled_times, violations
from faults.common_faults import COMMON
from faults.evidence import Evidence, Report
from faults.on_postgres import OnPostgres
from faults.on_sqlite import OnSqlite
from faults.on_temporal import OnTemporal
from faults.world import JOBS, PERIOD_MS, Engine, Fault, World, now_ms

ENGINES: Mapping[str, Callable[[], Engine]] = {"sqlite": OnSqlite, "postgresql": OnPostgres, "temporal": OnTemporal}
_FIRST_REQUESTS_S = 180.0
"""A busy machine starts two runners and their engine so late."""
_END_S = 240.0


def run(
    engine_name: str,
    *,
    seed: int,
    seconds: float = 0.0,
    only: Sequence[str] = (),
    kinds: int | None = None,
    keep: Path | None = None,
) -> Report:
    """Each kind of fault once, in an order that the seed decides, and then any until ``seconds`` are over. Nothing but
    ``only``, where that names kinds, and no more than so many ``kinds``. ``keep`` is a folder for logs."""
    report = Report(engine_name, seed)
    with tempfile.TemporaryDirectory(prefix="chronos-faults-") as temporary, ENGINES[engine_name]() as engine:
        faults, folder = _chosen(engine, only), Path(temporary)
        try:
            with World(folder, engine) as world:
                _suffer(world, report, Random(seed), seconds, faults, kinds)
                _judge(world, report)
        finally:
            if keep is not None:
                _keep([*folder.glob("*.*"), *engine.files()], keep)
    return report


def _keep(files: Sequence[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        with contextlib.suppress(FileNotFoundError):  # a journal that its server has just removed
            shutil.copy(file, folder)


def _chosen(engine: Engine, only: Sequence[str]) -> dict[str, Fault]:
    found = {**COMMON, **engine.faults()}
    unknown = set(only) - found.keys()
    if unknown:
        raise SystemExit(f"unknown faults: {', '.join(sorted(unknown))}; known: {', '.join(sorted(found))}")
    return {name: fault for name, fault in found.items() if not only or name in only}


def _suffer(
    world: World, report: Report, random: Random, seconds: float, faults: Mapping[str, Fault], kinds: int | None
) -> None:
    world.expect_recovery(_FIRST_REQUESTS_S)
    began = monotonic()
    order = random.sample(sorted(faults), len(faults) if kinds is None else kinds)
    while order or monotonic() - began < seconds:
        name = order.pop() if order else random.choice(sorted(faults))
        before = len(world.violations)
        at = monotonic() - began
        faults[name](world, random)
        took = world.expect_recovery()
        report.faults[name] = report.faults.get(name, 0) + 1
        report.slowest_recovery_s[name] = max(report.slowest_recovery_s.get(name, 0.0), round(took, 1))
        say(f"{at:7.1f} s  {name}: recovered after {took:.1f} s")
        for violation in world.violations[before:]:
            say(f"           {violation.rule}: {violation.detail}")
    report.seconds = round(monotonic() - began, 1)


def _judge(world: World, report: Report) -> None:
    until = now_ms() // PERIOD_MS * PERIOD_MS - PERIOD_MS
    world.expect_no_lag(until)
    world.disable_jobs()
    world.expect_applied()
    world.wait(world.everything_has_ended, _END_S)
    for number, runner in enumerate(world.runners):
        if (code := runner.close()) != 0:
            world.accuse("SIGTERM exits 0", f"runner {number} ended with {code}")
    ends: Counter[str] = Counter()
    for runner in world.runners:
        ends += runner.ends
        if "Traceback" in runner.log_text():
            world.accuse("no traceback is logged", _first_traceback(runner.log_text()))
        for line in repeated_lines(runner.log_text()):
            world.accuse("a fault that lasts is not logged at each turn", line)
    evidence = Evidence(
        rows=world.engine.rows(world),
        requests=world.requests(),
        periods=dict.fromkeys(JOBS, PERIOD_MS),
        until=until,
        wrong_clocks=world.wrong_clocks,
        lost_ledgers=world.lost_ledgers,
    )
    (world.folder / "evidence.json").write_text(json.dumps(asdict(evidence)))
    report.restarts = dict(ends)
    report.ticks = scheduled_times(evidence)
    report.rows, report.requests = len(evidence.rows), len(evidence.requests)
    report.sent_again = sum(count - 1 for count in Counter(each.execution for each in evidence.requests).values())
    report.violations = [*world.violations, *violations(evidence)]


def _first_traceback(text: str) -> str:
    return text[text.index("Traceback") :][:3000]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
