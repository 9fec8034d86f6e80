"""A process without a free file descriptor: it counts against no target, is logged once a minute, and passes."""

import asyncio
import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from harness.machine.descriptors import no_descriptor
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository
from harness.servers import Hostile, answer, answering

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.webhook import Webhook
from chronos_gitops.process.file_descriptors import OutOfDescriptors, Shortage, none_is_free, noticed, ran_out
from chronos_gitops.schedule.timing import Timing
from chronos_gitops.server.wsgi import Server
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.outcome import Outcome, OutcomeKind
from chronos_gitops.webhooks.request import AttemptContext
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy

JOB = """\
name: {name}
schedule: "@every 1s"
enabled: true
concurrency: allow
retry_policy: {{max_attempts: 1}}
webhook: {{url: "{url}", method: POST}}
"""


@pytest.mark.parametrize("place", ["socket", "name", "secret"])
def test_attempt_waits_and_counts_against_nobody(place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Takes 2 s: an attempt looks again after one."""
    (tmp_path / "token").write_text("x")

    async def scene(server: Hostile) -> Outcome:
        host = "localhost" if place == "name" else "127.0.0.1"
        headers = (("X-Token", "${secret:token}"),) if place == "secret" else ()
        job = Job("a", Timing.parse("@yearly"), Webhook(f"http://{host}:{server.port}/", headers=headers))
        egress = EgressPolicy.parse("internal", loopback_allowed=True)
        secrets = Secrets({}, tmp_path)
        async with Delivery(secrets=secrets, egress=egress, user_agent="x", breaker_after=1) as delivery:
            with no_descriptor():
                attempt = asyncio.create_task(delivery.attempt(job, _call()))
                await asyncio.sleep(0.3)
                assert not attempt.done()
                assert delivery.is_short_of_descriptors
                assert delivery.open_circuits() == ()
            return await attempt

    with Hostile(answering(answer())) as server:
        outcome = asyncio.run(scene(server))
    assert (outcome.kind, outcome.status_code) == (OutcomeKind.SUCCESS, 200)
    assert outcome.duration.total_seconds() < 1, "the wait is no part of the attempt"
    assert [record.event for record in caplog.records if hasattr(record, "event")] == ["webhooks_wait_for_descriptors"]


def test_attempt_that_waits_can_be_cancelled() -> None:
    async def scene() -> None:
        egress = EgressPolicy.parse("internal", loopback_allowed=True)
        async with Delivery(secrets=Secrets({}), egress=egress, user_agent="x") as delivery:
            with no_descriptor():
                job = Job("a", Timing.parse("@yearly"), Webhook("http://127.0.0.1:9/"))
                attempt = asyncio.create_task(delivery.attempt(job, _call()))
                await asyncio.sleep(0.1)
                attempt.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await attempt

    asyncio.run(scene())


def test_shortage_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    shortage = Shortage("event", lambda: now)
    assert not shortage.is_on
    for _ in range(1200):
        shortage.note()
        assert shortage.is_on
        now += 0.1
    assert [record.count for record in caplog.records] == [1, 600]  # type: ignore[attr-defined]  # an extra field
    now += 2
    assert not shortage.is_on


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_error_is_found_below_others(number: int) -> None:
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = OSError(number, os.strerror(number))
    with pytest.raises(OutOfDescriptors), noticed():
        raise wrapped


@pytest.mark.parametrize("error", [OSError(errno.ECONNREFUSED, "refused"), OSError("no number"), ValueError()])
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    assert not ran_out(error)
    with pytest.raises(type(error)), noticed():
        raise error


def test_free_descriptor_is_looked_for() -> None:
    assert not none_is_free()
    with no_descriptor():
        assert none_is_free()


def test_api_waits_for_a_descriptor(caplog: pytest.LogCaptureFixture) -> None:
    """A connection that cannot be accepted is accepted later; meanwhile the loop neither spins nor logs."""

    def app(environ: object, start: Callable[..., object]) -> list[bytes]:
        start("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    server = Server(app, host="127.0.0.1", port=0)
    port = server.start()
    try:
        client = socket.socket()
        used = time.process_time()
        with no_descriptor():
            client.connect(("127.0.0.1", port))
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            time.sleep(1.5)  # the span in which nothing may spin
        assert time.process_time() - used < 0.5
        with client:
            client.settimeout(10)
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
    finally:
        server.stop()
    assert len(caplog.records) == 1


@pytest.mark.timeout(120)
def test_runner_with_a_low_limit_fails_no_execution(tmp_path: Path, data_folder: Path) -> None:
    """Takes some ten seconds: 60 jobs a second, each answered after a second, and 64 descriptors."""
    repository = Repository.init(tmp_path / "repo")
    with Receiver() as receiver:
        for number in range(60):
            repository.write(f"jobs/j{number}.yaml", JOB.format(name=f"j{number}", url=receiver.url("/slow/1")))
        repository.commit("Add jobs")
        environment = {"CHRONOS_MAX_IN_FLIGHT_PER_HOST": "200", "CHRONOS_BREAKER_AFTER": "5"}
        within = ("sh", "-c", 'ulimit -n 64 && exec "$@"', "sh")
        with Runner(str(repository.root), data=data_folder, within=within, environ=environment) as runner:
            assert receiver.wait_for(200, 60)
            log = "".join(runner.lines)
    assert log.count("descriptor_limit_low") == 1
    assert log.count("webhooks_wait_for_descriptors") == 1
    ended = [line for line in log.splitlines() if "execution_finished" in line]
    assert ended
    assert not [line for line in ended if '"status": "failed"' in line]


@pytest.mark.parametrize(
    ("in_flight", "soft", "hard", "after", "warns"),
    [
        (200, 256, 4096, 364, False),
        (200, 1024, 1024, 1024, False),
        (5000, 1024, 2048, 2048, True),
        (10, 64, 64, 64, True),
    ],
)
def test_start_provides_what_the_limits_need(in_flight: int, soft: int, hard: int, after: int, warns: bool) -> None:
    code = (
        "import resource\nfrom chronos_gitops.process import file_descriptors as descriptors\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\n"
        f"descriptors.provide({in_flight})\nprint(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == after
    assert bool(done.stderr) is warns, done.stderr


def _call() -> AttemptContext:
    return AttemptContext("0f8fad5b-d9cb-469f-a165-70867728950e", datetime(2026, 1, 30, 7, tzinfo=UTC), 1, "c0ffee")
