"""Data on a Temporal server is encrypted, keys rotate, and a runner without the key runs nothing."""

import base64
import os
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from harness.engine_harness import Bench, Seen, eventually
from harness.programs.temporal import TemporalServer, on_temporal, run
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import DataConverter

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.config.groups import TemporalAccess
from chronos_gitops.engine.clock import SystemClock
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import ExecutionQuery, Status
from chronos_gitops.engine.operations.replays import Replay, ReplayItem, ReplayState
from chronos_gitops.engine.temporal.connection.connection import TemporalConnection
from chronos_gitops.engine.temporal.connection.encryption import (
    EncryptionCodec,
    EngineUnreadable,
    Key,
    is_encrypted,
    key_id,
)
from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.model import Job

CANARY = "canary-4711"
NEVER = "@yearly"


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    raw, text = tmp_path / "key-a", tmp_path / "key-b"
    raw.write_bytes(bytes(range(32)))
    text.write_text(base64.b64encode(os.urandom(32)).decode() + "\n")
    return raw, text


class Fleet:
    """Runners of one namespace, each with the keys that it is given."""

    def __init__(self, temporal: TemporalServer, receiver: Receiver, seen: Seen) -> None:
        self.temporal, self.receiver, self.seen = temporal, receiver, seen
        self.namespace = temporal.namespace()
        self._benches: list[Bench] = []

    def start(self, *files: Path, jobs: Sequence[Job]) -> tuple[Bench, Engine]:
        maker = on_temporal(self.temporal.url(self.namespace), access=TemporalAccess(encryption_key_files=files))
        bench = Bench(maker, self.receiver, SystemClock(), self.seen)  # type: ignore[arg-type]  # a real clock
        self._benches.append(bench)
        return bench, bench.start(*jobs)

    def stop(self) -> None:
        for bench in self._benches:
            bench.stop_all()

    def job(self, path: str = "/ok") -> Job:
        webhook = {"url": self.receiver.url(path), "method": "POST", "body": CANARY}
        document = {"name": "daily-backup", "schedule": NEVER, "enabled": True, "concurrency": "allow"}
        return Job.from_document(document | {"webhook": webhook})

    def dump(self) -> str:
        """Everything that the server tells of the namespace: descriptions with memos, and whole histories."""
        return run(self._dump())

    async def _dump(self) -> str:
        client: Client = await self.temporal.client(self.namespace)
        parts: list[str] = []
        async for found in client.list_workflows():
            handle = client.get_workflow_handle(found.id, run_id=found.run_id)
            parts.append(str((await handle.describe()).raw_description))
            parts += [str(event) for event in (await handle.fetch_history()).events]
        return "\n".join(parts)


@pytest.fixture
def fleet(temporal: TemporalServer, receiver: Receiver, seen: Seen) -> Iterator[Fleet]:
    fleet = Fleet(temporal, receiver, seen)
    yield fleet
    fleet.stop()


def succeed(engine: Engine, seen: Seen, count: int) -> None:
    eventually(lambda: engine.health().ok)  # a busy machine connects late
    engine.trigger("daily-backup")
    assert seen.wait(count)[-1].status is Status.SUCCESS


def test_no_input_result_memo_or_failure_is_readable_on_the_server(fleet: Fleet, keys: tuple[Path, Path]) -> None:
    job = fleet.job("/status/404")
    _, engine = fleet.start(*keys, jobs=[job])
    eventually(lambda: engine.health().ok)
    engine.pause("daily-backup", reason=f"because of {CANARY}", by=CANARY)
    engine.trigger("daily-backup")
    row = fleet.seen.wait(1)[0]
    detail = engine.execution(row.id)
    assert detail is not None
    assert detail.job == job
    assert [attempt.status_code for attempt in detail.attempts] == [404]
    assert engine.pauses()["daily-backup"].reason == f"because of {CANARY}"
    tick = row.scheduled_time.replace(microsecond=0)
    item = ReplayItem(tick, row.id, f"key-{CANARY}")
    replay = Replay(str(uuid.uuid4()), "daily-backup", CANARY, f"again {CANARY}", tick, items=(item,))
    engine.replay(replay)
    eventually(lambda: engine.replay_of_id(replay.id).state is ReplayState.DONE)
    found = engine.replay_of_id(replay.id)
    assert (found.by, found.reason, found.items[0].key) == (replay.by, replay.reason, item.key)
    eventually(lambda: engine.executions(ExecutionQuery(job="daily-backup", limit=10)))
    dump = fleet.dump()
    assert "binary/encrypted" in dump
    assert CANARY not in dump
    assert fleet.receiver.url("/")[:-1] not in dump, "the url of the target"
    assert "daily-backup" in dump, "names of jobs stay readable"


def test_plain_payloads_of_before_are_read_and_new_ones_are_encrypted(fleet: Fleet, keys: tuple[Path, Path]) -> None:
    job = fleet.job()
    bench, before = fleet.start(jobs=[job])
    succeed(before, fleet.seen, 1)
    bench.stop_all()
    assert CANARY in fleet.dump(), "the canary is found where nothing is encrypted"
    _, after = fleet.start(keys[0], jobs=[job])
    succeed(after, fleet.seen, 2)
    rows = eventually(lambda: (found := after.executions(ExecutionQuery(limit=10))) and len(found) == 2 and found)
    details = [after.execution(row.id) for row in rows]
    assert [detail.job for detail in details if detail is not None] == [job, job]


def test_keys_rotate_while_runners_go_on(fleet: Fleet, keys: tuple[Path, Path]) -> None:
    old, new = keys
    job = fleet.job()
    for counted, files in enumerate(((old,), (old, new), (new, old)), start=1):
        bench, engine = fleet.start(*files, jobs=[job])
        succeed(engine, fleet.seen, counted)
        rows = eventually(
            lambda engine=engine, counted=counted: (  # type: ignore[misc]  # mypy cannot infer defaults of lambdas
                (found := engine.executions(ExecutionQuery(limit=10))) and len(found) == counted and found
            )
        )
        assert all(engine.execution(row.id).job == job for row in rows)
        bench.stop_all()
    assert CANARY not in fleet.dump()


@pytest.mark.parametrize("has_another_key", [False, True])
def test_without_the_key_nothing_runs_and_health_says_why(
    fleet: Fleet, keys: tuple[Path, Path], has_another_key: bool
) -> None:
    bench, engine = fleet.start(keys[0], jobs=[fleet.job()])
    succeed(engine, fleet.seen, 1)
    bench.stop_all()
    others = (keys[1],) if has_another_key else ()
    _, blind = fleet.start(*others, jobs=[fleet.job()])
    health = eventually(lambda: (found := blind.health()) and "EngineUnreadable" in found.detail and found)
    assert not health.ok
    assert Key(keys[0].read_bytes()).id.decode() in health.detail
    before = len(fleet.receiver.requests)
    with pytest.raises(Exception, match="EngineUnreadable"):
        blind.trigger("daily-backup")
    assert len(fleet.receiver.requests) == before
    _, seeing = fleet.start(keys[0], *others, jobs=[fleet.job()])
    succeed(seeing, fleet.seen, 2)


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33, b"!" * 44, base64.b64encode(b"x" * 16)])
def test_a_file_without_a_key_is_refused_with_the_command_that_makes_one(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="openssl rand -base64 32") as refused:
        TemporalConnection.parse("temporal://127.0.0.1", TemporalAccess(encryption_key_files=(file,)))
    assert str(file) in str(refused.value)
    with pytest.raises(UsageError, match="cannot be read"):
        TemporalConnection.parse("temporal://127.0.0.1", TemporalAccess(encryption_key_files=(tmp_path / "none",)))


def test_a_changed_payload_is_refused_and_equal_ones_differ_on_the_server() -> None:
    codec = EncryptionCodec([Key(b"k" * 32)])
    plain: Any = DataConverter.default.payload_converter.to_payload(CANARY)

    async def scene() -> None:
        one, other = await codec.encode([plain, plain])
        assert one.data != other.data, "a nonce is used once"
        assert is_encrypted(one)
        assert (await codec.decode([one]))[0] == plain
        for at in (0, 12, len(one.data) - 1):
            changed = Payload.FromString(one.SerializeToString())
            changed.data = one.data[:at] + bytes([one.data[at] ^ 1]) + one.data[at + 1 :]
            with pytest.raises(EngineUnreadable, match="changed"):
                await codec.decode([changed])
        moved = Payload.FromString(one.SerializeToString())
        moved.metadata["encryption-key-id"] = b"0" * 16
        with pytest.raises(EngineUnreadable, match="0000000000000000"):
            await codec.decode([moved])
        assert key_id(one) == Key(b"k" * 32).id
        assert (await codec.decode([plain])) == [plain]

    run(scene())
    assert "kkkk" not in repr(Key(b"k" * 32))
