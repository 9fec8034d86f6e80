"""Records the histories that `test_histories_of_earlier_releases_replay` replays.

``cd tests && python -m support.histories`` writes them again: only when workflow code may forget those of older
releases, for the files that are there stand for what runs at users.
"""

import json
import tempfile
from pathlib import Path

from support.bench import Bench, Seen, eventually, jobset
from support.temporal import TemporalServer, on_temporal, run

from chronos_gitops.demo.receiver import Receiver
from chronos_gitops.engine.clock import SystemClock
from chronos_gitops.engine.model import Status

FOLDER = Path(__file__).parent.parent / "engine" / "histories"


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
        record(server, target)
