"""Records the histories that `test_histories_of_earlier_releases_replay` replays.

``cd tests && python -m harness.repositories.histories`` writes them again, with ``callbacks`` behind it those of
accepted work, with ``gates`` those of ``requires``, with ``replays`` those of replays, with ``waits`` the ticks that
wait for one, with ``portions`` what is caught up twenty at a time: only when workflow code may forget those of older
releases, for the files that are there stand for what runs at users. ``timetable-at-once`` is what the code before
commit eea72796 made of ``portions``: one run started everything, for runs were continued after 100 claims.
"""

import contextlib
import json
import sys
import tempfile
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harness.engine_harness import Bench, Seen, eventually, jobset
from harness.programs.temporal import TemporalServer, on_temporal, run, sleep_since

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.callbacks import CallbackReport, Told
from chronos_gitops.engine.clock import SystemClock
from chronos_gitops.engine.model import Status
from chronos_gitops.engine.operations.replays import Replay, ReplayItem, ReplayState, ReplayUnderWay
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.workflows import replay_workflow
from chronos_gitops.engine.temporal.workflows.replay_messages import ASK_AT
from chronos_gitops.engine.ticks import overlap
from chronos_gitops.jobs.model import Job

FOLDER = Path(__file__).parents[2] / "engine" / "temporal" / "histories"


def record(temporal: TemporalServer, receiver: Receiver) -> None:
    """A day in the life of a job: ticks, overlaps, retries, a pause, triggers, an edit, its removal."""
    namespace = temporal.namespace()
    seen = Seen()
    bench = Bench(on_temporal(temporal.url(namespace)), receiver, SystemClock(), seen)  # type: ignore[arg-type]  # real
    quick = {"initial_interval": "10ms"}
    engine = bench.start(bench.job(schedule="@every 1s", path="/flaky/1", retry_policy=quick))
    seen.wait(2)
    engine.pause("daily-backup", reason="maintenance", by="ada")
    engine.apply(
        jobset(bench.job(schedule="@every 1s", path="/hold/answer", concurrency="replace", retry_policy=quick))
    )
    engine.resume("daily-backup")
    seen.wait_until(lambda: any(row.status is Status.CANCELLED for row in seen.ended), 20)
    engine.apply(jobset(bench.job(schedule="@every 1s", path="/hold/answer")))
    seen.wait_until(lambda: any(row.reason == "overlap" for row in seen.ended), 20)
    engine.trigger("daily-backup", key="once")
    receiver.release("answer")
    engine.apply(jobset())
    eventually(lambda: not engine.running("daily-backup"))
    run(_save(temporal, namespace))
    bench.stop_all()


def record_callbacks(temporal: TemporalServer, receiver: Receiver) -> None:
    """Work that is accepted: a heartbeat and an outcome, a deadline that passes and a retry, an answer that is late."""
    namespace = temporal.namespace()
    seen = Seen()
    bench = Bench(on_temporal(temporal.url(namespace)), receiver, SystemClock(), seen)  # type: ignore[arg-type]  # real
    common: dict[str, Any] = {"schedule": "@yearly", "timeout": "2s", "retry_policy": {"initial_interval": "10ms"}}

    def job(name: str, path: str) -> Job:
        return bench.job(name, webhook={"url": receiver.url(path), "completion": "callback"}, **common)

    engine = bench.start(job("accepted", "/status/202"), job("overdue", "/status/202"), job("early", "/hold/early"))
    ids = {name: engine.trigger(name).id for name in ("accepted", "overdue", "early")}

    def call_back(name: str, *told: Told) -> None:
        request = next(one for one in receiver.requests if one.execution_id == ids[name])
        signature = (request.header("X-Chronos-Callback-URL") or "").rpartition("=")[2]
        for each in told:
            engine.call_back(ids[name], CallbackReport(each, f"{name} is {each}"), signature=signature)

    eventually(lambda: {one.execution_id for one in receiver.requests} >= set(ids.values()))
    call_back("early", Told.SUCCESS)
    receiver.release("early")
    eventually(lambda: engine.execution(ids["accepted"]).execution.waiting_for)
    call_back("accepted", Told.RUNNING, Told.FAILED)
    eventually(lambda: engine.execution(ids["overdue"]).execution.attempts == 2)
    call_back("overdue", Told.SUCCESS)
    eventually(lambda: len(seen.ended) == len(ids))
    for name, execution_id in ids.items():
        run(_keep(temporal, namespace, execution_id, f"execution-callback-{name}"))
    bench.stop_all()


def record_gates(temporal: TemporalServer, receiver: Receiver) -> None:
    """Executions that require another job: one that starts after a success, one that waits in vain."""
    namespace = temporal.namespace()
    seen = Seen()
    bench = Bench(on_temporal(temporal.url(namespace)), receiver, SystemClock(), seen)  # type: ignore[arg-type]  # real
    gate = {"job": "nightly-extract", "success_within": "1h", "wait": "1s"}
    extract, report = bench.job("nightly-extract", schedule="@yearly"), bench.job(schedule="@every 5s", requires=gate)
    engine = bench.start(extract, report)
    seen.wait_until(lambda: any(row.reason == "requires" for row in seen.ended), 20)
    engine.trigger("nightly-extract")
    seen.wait_until(lambda: any(row.requires and row.requires.met for row in seen.ended), 20)
    for row in list(seen.ended):
        if row.requires is not None:
            run(_keep(temporal, namespace, row.id, f"execution-gate-{row.status}"))
    bench.stop_all()


def record_replays(temporal: TemporalServer, receiver: Receiver) -> None:
    """Two batches of items, small ones, and ticks that fall meanwhile; a refused replay, and a cancelled one."""
    replay_workflow.BATCH = ASK_AT + 2
    namespace = temporal.namespace()
    bench = Bench(on_temporal(temporal.url(namespace)), receiver, SystemClock(), Seen())  # type: ignore[arg-type]  # real
    engine = bench.start(bench.job(schedule="@every 1s"))

    def replay(count: int) -> Replay:
        end = SystemClock().now().replace(microsecond=0)
        ticks = [end - timedelta(minutes=number) for number in range(count, 0, -1)]
        items = tuple(ReplayItem(tick, engine.tick_id("daily-backup", tick), None) for tick in ticks)
        return Replay(str(uuid.uuid4()), "daily-backup", "ada", "the target was down", end, items=items)

    done, refused, cancelled = replay(ASK_AT + 4), replay(1), replay(3)
    engine.replay(done)
    with contextlib.suppress(ReplayUnderWay):
        engine.replay(refused)
    eventually(lambda: engine.replay_of_id(done.id).state is ReplayState.DONE, 120)
    engine.replay(replace(cancelled, pace=timedelta(hours=1)))
    engine.cancel_replay(cancelled.id)
    for one, name in ((done, "done"), (refused, "refused"), (cancelled, "cancelled")):
        run(_keep(temporal, namespace, names.replay_workflow_id(one.id), f"replay-{name}"))
    run(_keep(temporal, namespace, names.timetable_id("daily-backup"), "timetable-replay"))
    bench.stop_all()


def record_waits(temporal: TemporalServer, receiver: Receiver) -> None:
    """Ticks that wait for the item of a replay without a limit, as they did in earlier releases."""
    overlap.MAX_WAIT_BEHIND_REPLAY = timedelta(days=1)  # type: ignore[misc]
    namespace = temporal.namespace()
    bench = Bench(on_temporal(temporal.url(namespace)), receiver, SystemClock(), Seen())  # type: ignore[arg-type]  # real
    engine = bench.start(bench.job(schedule="@yearly", path="/hold/answer"))
    end = SystemClock().now().replace(microsecond=0)
    item = ReplayItem(end, engine.tick_id("daily-backup", end), None)
    engine.replay(Replay(str(uuid.uuid4()), "daily-backup", "ada", "the target was down", end, items=(item,)))
    receiver.wait_for(1, 30)
    engine.apply(jobset(bench.job(schedule="* * * * * *", path="/hold/answer"), version=2))
    eventually(lambda: len(engine.ticks("daily-backup", end, SystemClock().now())) >= 13, 60)
    engine.apply(jobset(bench.job(schedule="@yearly"), version=3))
    receiver.release("answer")
    eventually(lambda: not engine.running("daily-backup"), 60)
    run(_keep(temporal, namespace, names.timetable_id("daily-backup"), "timetable-replay-waits"))
    bench.stop_all()


def record_portions(temporal: TemporalServer, receiver: Receiver, name: str) -> None:
    """25 executions that are caught up one after the other, and one that is triggered meanwhile: each run of their
    timetable."""
    namespace, seen = temporal.namespace(), Seen()
    bench = Bench(on_temporal(temporal.url(namespace)), receiver, SystemClock(), seen)  # type: ignore[arg-type]  # real
    job = bench.job(path="/hold/answer", schedule="* * * * *", catchup_window="1h", missed_run_policy="execute_all")

    async def asleep() -> None:
        since = datetime.now(UTC) - timedelta(minutes=25)
        await sleep_since(await temporal.client(namespace), jobset(job).definitions[job.name], since)

    run(asleep())
    engine = bench.start(job)
    receiver.wait_for(1, 30)
    engine.trigger(job.name)
    receiver.release("answer")
    seen.wait(26, 120)
    bench.stop_all()
    run(_keep_runs(temporal, namespace, names.timetable_id(job.name), name))


async def _keep_runs(temporal: TemporalServer, namespace: str, workflow: str, name: str) -> None:
    """Each run of the workflow, oldest first, under its number."""
    client = await temporal.client(namespace)
    runs = [one async for one in client.list_workflows(f"WorkflowId = '{workflow}'")]
    for number, one in enumerate(sorted(runs, key=lambda one: one.start_time), start=1):
        await _keep(temporal, namespace, workflow, f"{name}-{number}", one.run_id)


async def _keep(temporal: TemporalServer, namespace: str, workflow: str, name: str, run_id: str | None = None) -> None:
    history = await (await temporal.client(namespace)).get_workflow_handle(workflow, run_id=run_id).fetch_history()
    (FOLDER / f"{name}.json").write_text(json.dumps(json.loads(history.to_json()), indent=1) + "\n")


async def _save(temporal: TemporalServer, namespace: str) -> None:
    client = await temporal.client(namespace)
    FOLDER.mkdir(exist_ok=True)
    kept: set[str] = set()
    async for workflow in client.list_workflows():
        row = await workflow.memo_value("row", {})
        kind = f"execution-{row['status']}-{row['trigger']}" if row else "timetable"
        if kind not in kept:
            kept.add(kind)
            history = await client.get_workflow_handle(workflow.id, run_id=workflow.run_id).fetch_history()
            (FOLDER / f"{kind}.json").write_text(json.dumps(json.loads(history.to_json()), indent=1) + "\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, TemporalServer(Path(folder)) as server, Receiver() as target:
        if sys.argv[1:] == ["callbacks"]:
            record_callbacks(server, target)
        elif sys.argv[1:] == ["gates"]:
            record_gates(server, target)
        elif sys.argv[1:] == ["replays"]:
            record_replays(server, target)
        elif sys.argv[1:] == ["waits"]:
            record_waits(server, target)
        elif sys.argv[1:] == ["portions"]:
            record_portions(server, target, "timetable-portions")
        else:
            record(server, target)
