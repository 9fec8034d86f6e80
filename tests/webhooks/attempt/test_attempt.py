"""One attempt over a real connection: what is sent, what comes back, what it means."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from harness import servers
from harness.servers import Connection, Hostile, answer, answering, once

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.success_codes import SuccessCodes
from chronos_gitops.jobs.secrets.bindings import Bindings, SecretBinding
from chronos_gitops.jobs.webhook import BearerAuth
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.outcome import Outcome, OutcomeKind
from chronos_gitops.webhooks.request import AttemptContext
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy

MakeJob = Callable[..., Job]
Deliver = Callable[..., Outcome]
NewDelivery = Callable[..., Delivery]
CallOf = Callable[..., AttemptContext]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def test_request_arrives_as_the_job_says(receiver: Receiver, job_to: MakeJob, deliver: Deliver) -> None:
    job = job_to(
        receiver.url("/run/{{.JobName}}?at={{.ScheduledTime}}"),
        method="POST",
        headers=(("X-Team", "platform {{.Attempt}}"),),
        body='{"execution": "{{.ExecutionID}}"}',
    )
    outcome = deliver(job)
    assert (outcome.kind, outcome.status_code, outcome.error) == (OutcomeKind.SUCCESS, 200, None)
    assert timedelta(0) < outcome.duration < timedelta(seconds=5)
    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/run/daily-backup?at=2026-01-30T07%3A00%3A00Z")
    assert request.body == b'{"execution": "0f8fad5b-d9cb-469f-a165-70867728950e"}'
    assert {name.lower(): value for name, value in request.headers} == {
        "host": f"127.0.0.1:{receiver.port}",
        "user-agent": "chronos-gitops/0.1",
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": str(len(request.body)),
        "x-team": "platform 1",
        "x-chronos-job-id": job.id,
        "x-chronos-job-name": "daily-backup",
        "x-chronos-execution-id": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "x-chronos-scheduled-time": "2026-01-30T07:00:00Z",
        "x-chronos-attempt": "1",
        "x-chronos-commit": "c0ffee",
        "idempotency-key": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "traceparent": request.header("traceparent"),
    }


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_every_method_is_sent(method: str, receiver: Receiver, job_to: MakeJob, deliver: Deliver) -> None:
    assert deliver(job_to(receiver.url(), method=method)).kind is OutcomeKind.SUCCESS
    assert receiver.requests[0].method == method


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_missing_body_has_length_zero(method: str, receiver: Receiver, job_to: MakeJob, deliver: Deliver) -> None:
    deliver(job_to(receiver.url(), method=method))
    assert receiver.requests[0].header("Content-Length") == "0"
    assert receiver.requests[0].header("Content-Type") is None


def test_url_is_sent_as_it_is_written(job_to: MakeJob, deliver: Deliver) -> None:
    with Hostile(answering(answer())) as server:
        deliver(job_to(server.url("/a%7Eb/%2e%2e/c//d;x=1?q=a+b%20c&r=[1]&s=%zz&t=ä ö#fragment")))
    line = server.heads[0].split(b"\r\n")[0]
    assert line == b"GET /a%7Eb/%2e%2e/c//d;x=1?q=a+b%20c&r=[1]&s=%25zz&t=%C3%A4%20%C3%B6 HTTP/1.1"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, OutcomeKind.SUCCESS),
        (201, OutcomeKind.SUCCESS),
        (204, OutcomeKind.SUCCESS),
        (304, OutcomeKind.FAILED),
        (400, OutcomeKind.FAILED),
        (401, OutcomeKind.FAILED),
        (404, OutcomeKind.FAILED),
        (408, OutcomeKind.RETRY),
        (425, OutcomeKind.FAILED),
        (429, OutcomeKind.RETRY),
        (500, OutcomeKind.RETRY),
        (503, OutcomeKind.RETRY),
    ],
)
def test_status_decides(status: int, kind: OutcomeKind, receiver: Receiver, job_to: MakeJob, deliver: Deliver) -> None:
    outcome = deliver(job_to(receiver.url(f"/status/{status}")))
    assert (outcome.kind, outcome.status_code) == (kind, status)
    if kind is OutcomeKind.SUCCESS:
        assert (outcome.error_class, outcome.error) == (None, None)
    else:
        assert outcome.error_class == "status"
        assert outcome.error is not None
        assert outcome.error.startswith(f"the target responded with {status} ")


@pytest.mark.parametrize(
    ("codes", "status", "kind"),
    [
        (["200-204"], 206, OutcomeKind.FAILED),
        ([404], 404, OutcomeKind.SUCCESS),
        ([503], 503, OutcomeKind.SUCCESS),
        (["300-399"], 302, OutcomeKind.SUCCESS),
    ],
)
def test_success_codes_of_the_job_win(
    codes: list[int | str], status: int, kind: OutcomeKind, receiver: Receiver, job_to: MakeJob, deliver: Deliver
) -> None:
    job = job_to(receiver.url(f"/status/{status}"), success_codes=SuccessCodes.parse(codes))
    assert deliver(job).kind is kind


def test_retry_after_is_read(receiver: Receiver, job_to: MakeJob, deliver: Deliver) -> None:
    assert deliver(job_to(receiver.url("/retry-after/7"))).retry_after == timedelta(seconds=7)


@pytest.mark.parametrize(("status", "wait"), [("429 Slow", 30), ("503 Later", 30), ("500 Broken", None)])
def test_retry_after_date_counts_from_now(status: str, wait: int | None, job_to: MakeJob, deliver: Deliver) -> None:
    content = answer(status, b"", "Retry-After: Fri, 30 Jan 2026 12:00:30 GMT")
    with Hostile(once(content)) as server:
        outcome = deliver(job_to(server.url()))
    assert outcome.retry_after == (None if wait is None else timedelta(seconds=wait))


def test_closed_port_is_retried(job_to: MakeJob, deliver: Deliver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    outcome = deliver(job_to(f"http://127.0.0.1:{port}/"))
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.RETRY, "connect")
    assert outcome.error == f"no connection to 127.0.0.1:{port} (Connection refused)"


def test_secret_host_is_not_named_in_an_error(job_to: MakeJob, deliver: Deliver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    outcome = deliver(job_to("${secret:h}"), values={"h": f"http://127.0.0.1:{port}/"})
    assert outcome.error == "no connection to ${secret:h} (Connection refused)"


def test_unknown_name_is_retried(job_to: MakeJob, deliver: Deliver) -> None:
    async def nowhere(host: str) -> list[tuple[socket.AddressFamily, str]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    outcome = deliver(job_to("http://backup.example/"), resolve=nowhere)
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.RETRY, "dns")
    assert outcome.error == "backup.example:80 could not be resolved (Name or service not known)"


def test_name_server_that_hangs_is_within_the_deadline(job_to: MakeJob, deliver: Deliver) -> None:
    async def hangs(host: str) -> list[tuple[socket.AddressFamily, str]]:
        await asyncio.Event().wait()
        raise AssertionError

    outcome = deliver(job_to("http://backup.example/", timeout=0.3), resolve=hangs)
    assert (outcome.error_class, outcome.error) == (
        "timeout",
        "no complete answer within 300ms (while resolving the name)",
    )
    assert outcome.duration < timedelta(seconds=0.8)


def test_second_address_is_tried(receiver: Receiver, job_to: MakeJob, deliver: Deliver) -> None:
    async def two(host: str) -> list[tuple[socket.AddressFamily, str]]:
        return [(socket.AF_INET, "127.0.0.2"), (socket.AF_INET, "127.0.0.1")]

    assert deliver(job_to(f"http://backup.example:{receiver.port}/"), resolve=two).kind is OutcomeKind.SUCCESS


def test_localhost_is_resolved_for_real(receiver: Receiver, job_to: MakeJob, deliver: Deliver) -> None:
    assert deliver(job_to(f"http://localhost:{receiver.port}/")).kind is OutcomeKind.SUCCESS


def test_refused_address_is_never_connected_to(receiver: Receiver, job_to: MakeJob, deliver: Deliver) -> None:
    with Hostile(servers.silent) as server:
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
            outcome = deliver(
                job_to(f"http://{host}:{server.port}/"), job_to(f"http://{host}:{server.port}/"), egress=EgressPolicy()
            )
            assert (outcome.kind, outcome.error_class) == (OutcomeKind.FAILED, "refused-address")
            assert outcome.error is not None
            assert "egress.allow" in outcome.error
    assert server.opened == 0


def test_rebound_name_is_judged_again(job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery) -> None:
    """The first answer is allowed, the second is not: DNS rebinding."""
    answers = iter([["127.0.0.1"], ["127.0.0.1", "127.0.0.3"], ["127.0.0.3"]])

    async def flips(host: str) -> list[tuple[socket.AddressFamily, str]]:
        return [(socket.AF_INET, address) for address in next(answers)]

    async def scene(server: Hostile) -> list[Outcome]:
        egress = EgressPolicy.parse("public", ["127.0.0.1/32"])
        async with new_delivery(egress=egress, resolve=flips) as delivery:
            # One name each: names are cached for some seconds.
            jobs = [job_to(f"http://{name}.example:{server.port}/") for name in "abc"]
            return [await delivery.attempt(job, call_of()) for job in jobs]

    with Hostile(answering(answer())) as server:
        outcomes = asyncio.run(scene(server))
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.SUCCESS, OutcomeKind.FAILED, OutcomeKind.FAILED]
    assert len(server.heads) == 1


def test_allowed_host_entry_opens_its_address(receiver: Receiver, job_to: MakeJob, deliver: Deliver) -> None:
    job = job_to(f"http://localhost:{receiver.port}/")
    assert deliver(job, egress=EgressPolicy.parse("public", [f"localhost:{receiver.port}"])).kind is OutcomeKind.SUCCESS
    assert deliver(job, egress=EgressPolicy.parse("public", ["localhost:1"])).kind is OutcomeKind.FAILED


def test_secret_is_sent_and_kept_nowhere(job_to: MakeJob, deliver: Deliver) -> None:
    secret = 'p@ss "wörd"/+&\\ 7f3a9c'

    async def echo(connection: Connection) -> None:
        request = await connection.request()
        await connection.send(answer("500 Echo", request))

    with Hostile(echo) as server:
        job = job_to(
            server.url("/${secret:api-key}"),
            method="POST",
            headers=(("X-Key", "${secret:api-key}"),),
            auth=BearerAuth("${secret:api-key}"),
            body="${secret:api-key}",
        )
        outcome = deliver(job, values={"api-key": secret})
    assert server.heads[0].count(secret.encode()) == 2
    assert server.bodies == [secret.encode()]
    assert outcome.response is not None
    assert outcome.response.count("${secret:api-key}") == 4
    assert "7f3a9c" not in repr(outcome)


def test_secret_across_the_end_of_what_is_kept_leaves_nothing(job_to: MakeJob, deliver: Deliver) -> None:
    secret = "0123456789abcdef" * 4
    with Hostile(once(answer("200 OK", b"." * 4070 + secret.encode() + b"."))) as server:
        outcome = deliver(job_to(server.url(), headers=(("X-Key", "${secret:k}"),)), values={"k": secret})
    assert outcome.response == "." * 4070 + "${secret:k}."


def test_secret_with_a_line_break_never_becomes_a_header(job_to: MakeJob, deliver: Deliver) -> None:
    with Hostile(answering(answer())) as server:
        for value in ("a\r\nX-Injected: 1", "a\nb", "a\rb", "a\0b", "a\x7f"):
            outcome = deliver(job_to(server.url(), headers=(("X-Key", "${secret:k}"),)), values={"k": value})
            assert (outcome.kind, outcome.error_class) == (OutcomeKind.FAILED, "request")
            assert outcome.error == "the header X-Key holds a control character after substitution"
    assert server.opened == 0


def test_secret_with_a_line_break_in_the_url_stays_inside_it(job_to: MakeJob, deliver: Deliver) -> None:
    with Hostile(answering(answer())) as server:
        deliver(job_to(server.url("/x?k=${secret:k}")), values={"k": "a\r\nHost: evil\r\n/../&b=1#"})
    assert server.heads[0].startswith(b"GET /x?k=a%0D%0AHost%3A%20evil%0D%0A%2F..%2F%26b%3D1%23 HTTP/1.1\r\n")


def test_missing_secret_fails_at_once(receiver: Receiver, job_to: MakeJob, deliver: Deliver) -> None:
    outcome = deliver(job_to(receiver.url(), headers=(("X-Key", "${secret:backup-token}"),)))
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.FAILED, "secret")
    assert outcome.error == "${secret:backup-token} has no value (set CHRONOS_SECRET_BACKUP_TOKEN)"
    assert receiver.requests == ()


@pytest.mark.parametrize(
    ("binding", "path", "kind"),
    [
        (SecretBinding(), None, OutcomeKind.SUCCESS),
        (SecretBinding(folders=("jobs/team-a",)), "jobs/team-a/x.yaml", OutcomeKind.SUCCESS),
        (SecretBinding(folders=("jobs/team-a",)), "jobs/team-b/x.yaml", OutcomeKind.FAILED),
        (SecretBinding(folders=("jobs/team-a",)), None, OutcomeKind.FAILED),
    ],
)
def test_bound_secret_goes_only_where_it_may(
    binding: SecretBinding,
    path: str | None,
    kind: OutcomeKind,
    receiver: Receiver,
    job_to: MakeJob,
    call_of: CallOf,
    deliver: Deliver,
) -> None:
    secrets = Secrets({"k": "v4lue"}, bindings=Bindings({"k": binding}))
    outcome = deliver(job_to(receiver.url("/?k=${secret:k}")), call=call_of(path=path), secrets=secrets)
    assert outcome.kind is kind
    assert len(receiver.requests) == (1 if kind is OutcomeKind.SUCCESS else 0)
    assert "v4lue" not in repr(outcome)


def test_rotated_secret_counts_from_the_next_request_on(
    receiver: Receiver, job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with new_delivery(secrets=Secrets({}, tmp_path)) as delivery:
            for value in ("old", "new"):
                (tmp_path / "k").write_text(f"{value}\n")
                await delivery.attempt(job_to(receiver.url(), headers=(("X-Key", "${secret:k}"),)), call_of())

    asyncio.run(scene())
    assert [request.header("X-Key") for request in receiver.requests] == ["old", "new"]


def test_response_cannot_play_tricks_on_a_terminal(job_to: MakeJob, deliver: Deliver) -> None:
    body = "ok\r\n\x1b[2J\x00\u202eevil\u2066 tab\there ünïcode".encode() + b"\xff"
    with Hostile(once(answer("200 OK", body))) as server:
        outcome = deliver(job_to(server.url()))
    assert outcome.response == "ok\n\\x1b[2J\\x00\\u202eevil\\u2066 tab\there ünïcode\ufffd"


def test_reason_phrase_of_the_receiver_is_not_repeated(job_to: MakeJob, deliver: Deliver) -> None:
    with Hostile(once(answer("500 \x1b[31mPwned <script>"))) as server:
        outcome = deliver(job_to(server.url()))
    assert outcome.error is not None
    assert "Pwned" not in outcome.error


def test_cancelled_attempt_closes_its_connection(
    receiver: Receiver, job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery
) -> None:
    async def scene() -> None:
        async with new_delivery() as delivery:
            attempt = asyncio.create_task(delivery.attempt(job_to(receiver.url("/hold/x"), timeout=60), call_of()))
            assert await asyncio.to_thread(receiver.wait_for, 1, 5)
            attempt.cancel()
            with pytest.raises(asyncio.CancelledError):
                await attempt
            assert await asyncio.to_thread(receiver.wait_for, lambda r: len(r.abandoned) == 1, 5)
            # The pool is not harmed.
            assert (await delivery.attempt(job_to(receiver.url()), call_of())).kind is OutcomeKind.SUCCESS

    asyncio.run(scene())


def test_connections_are_shared_within_a_burst(job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery) -> None:
    async def scene(server: Hostile) -> None:
        async with new_delivery() as delivery:
            for _ in range(20):
                assert (await delivery.attempt(job_to(server.url()), call_of())).kind is OutcomeKind.SUCCESS

    with Hostile(answering(answer("200 OK", b"ok"))) as server:
        asyncio.run(scene(server))
    assert (server.opened, len(server.heads)) == (1, 20)


def test_connection_that_the_server_has_closed_is_not_used_again(
    job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery
) -> None:
    async def scene(server: Hostile) -> None:
        async with new_delivery() as delivery:
            for number in range(1, 6):
                outcome = await delivery.attempt(job_to(server.url(), method="POST", body="x"), call_of())
                assert outcome.kind is OutcomeKind.SUCCESS
                assert await asyncio.to_thread(server.wait_for, lambda server, n=number: server.closed == n)
                await asyncio.sleep(0.01)  # the FIN has arrived; the loop has to see it

    with Hostile(once(answer("200 OK", b"ok"))) as server:
        asyncio.run(scene(server))


def test_one_host_cannot_take_every_slot(job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery) -> None:
    async def scene(slow: Receiver, quick: Receiver) -> None:
        async with new_delivery(at_once=5, per_host=3) as delivery:
            job = job_to(slow.url("/hold/x"), timeout=60)
            held = [asyncio.create_task(delivery.attempt(job, call_of())) for _ in range(10)]
            assert await asyncio.to_thread(slow.wait_for, 3, 5)
            for _ in range(5):
                assert (await delivery.attempt(job_to(quick.url()), call_of())).kind is OutcomeKind.SUCCESS
            assert len(slow.requests) == 3
            slow.release("x")
            assert {outcome.kind for outcome in await asyncio.gather(*held)} == {OutcomeKind.SUCCESS}
            assert len(slow.requests) == 10

    with Receiver() as slow, Receiver() as quick:
        asyncio.run(scene(slow, quick))


def test_waiting_for_a_slot_is_not_part_of_the_attempt(
    receiver: Receiver, job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery
) -> None:
    async def scene() -> None:
        async with new_delivery(at_once=1) as delivery:
            job = job_to(receiver.url("/slow/0.25"), timeout=0.45)
            outcomes = await asyncio.gather(*(delivery.attempt(job, call_of()) for _ in range(3)))
            assert {outcome.kind for outcome in outcomes} == {OutcomeKind.SUCCESS}
            assert max(outcome.duration for outcome in outcomes) < timedelta(seconds=0.45)
            first, second, third = sorted(outcome.waited for outcome in outcomes)
            assert first < timedelta(seconds=0.25) <= second < third

    asyncio.run(scene())


def test_storm_of_cancelled_attempts_leaves_a_working_pool(
    receiver: Receiver, job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery
) -> None:
    async def scene() -> None:
        async with new_delivery() as delivery:
            tasks = [asyncio.create_task(delivery.attempt(job_to(receiver.url()), call_of())) for _ in range(300)]
            for index, task in enumerate(tasks):
                await asyncio.sleep(0)
                if index % 3:
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            outcomes = await asyncio.gather(*(delivery.attempt(job_to(receiver.url()), call_of()) for _ in range(50)))
            assert {outcome.response for outcome in outcomes} == {'{"ok": true}\n'}

    asyncio.run(scene())


def test_defect_of_ours_is_an_outcome_and_its_values_are_not_logged(
    job_to: MakeJob, deliver: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Secrets):
        def lookup(self, name: str) -> str:
            raise ZeroDivisionError(bytes.fromhex("733363726574").decode())  # a traceback quotes this line

    with caplog.at_level(logging.ERROR):
        outcome = deliver(job_to("http://127.0.0.1:1/${secret:k}"), secrets=Broken({}))
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.FAILED, "internal")
    assert "ZeroDivisionError" in caplog.text
    assert "s3cret" not in caplog.text + repr(outcome)
