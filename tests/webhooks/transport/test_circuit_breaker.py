"""A host that does not answer is left alone, then asked by one request; limits on how quickly one host is asked."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.jobs.model import Job
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.outcome import ErrorClass, Outcome, OutcomeKind
from chronos_gitops.webhooks.request import AttemptContext
from chronos_gitops.webhooks.transport.circuit_breaker import REST, CircuitBreakers, is_away
from chronos_gitops.webhooks.transport.concurrency import ConcurrencyLimiter

HOST = "hooks.example.com"
REST_S = REST.total_seconds()
GOOD = Outcome(OutcomeKind.SUCCESS, 200)
BAD = Outcome(OutcomeKind.RETRY, error_class=ErrorClass.CONNECT)


def opened(failures: int = 3, after: int = 3) -> CircuitBreakers:
    breakers = CircuitBreakers(after=after)
    for _ in range(failures):
        assert breakers.refusal(HOST, 0.0) is None
        breakers.settle(HOST, BAD, 0.0)
    return breakers


def test_a_host_that_fails_in_a_row_is_left_alone() -> None:
    breakers = opened()
    refusal = breakers.refusal(HOST, 1.0)
    assert refusal is not None
    assert (refusal.kind, refusal.error_class) == (OutcomeKind.RETRY, "circuit-open")
    assert refusal.retry_after == timedelta(seconds=REST_S - 1)
    assert "failed 3 times in a row" in (refusal.error or "")
    assert breakers.open_hosts(1.0) == (HOST,)
    assert breakers.refusal("other.example.com", 1.0) is None


def test_one_answer_between_the_failures_keeps_it_closed() -> None:
    breakers = opened(2)
    breakers.settle(HOST, GOOD, 0.0)
    breakers.settle(HOST, BAD, 0.0)
    assert breakers.refusal(HOST, 0.0) is None
    assert breakers.open_hosts(0.0) == ()


def test_after_the_rest_one_request_goes_and_a_success_closes() -> None:
    breakers = opened()
    assert breakers.refusal(HOST, REST_S) is None
    assert breakers.refusal(HOST, REST_S) is not None, "one probe at a time"
    breakers.settle(HOST, GOOD, REST_S)
    assert breakers.refusal(HOST, REST_S) is None
    breakers.settle(HOST, BAD, REST_S)
    assert breakers.refusal(HOST, REST_S) is None, "counted from nothing again"


def test_a_probe_that_fails_opens_it_again() -> None:
    breakers = opened()
    assert breakers.refusal(HOST, REST_S) is None
    breakers.settle(HOST, BAD, REST_S)
    assert breakers.refusal(HOST, REST_S + 1) is not None
    assert breakers.refusal(HOST, 2 * REST_S) is None


@pytest.mark.parametrize("outcome", [None, Outcome(OutcomeKind.FAILED, error_class=ErrorClass.SECRET)])
def test_a_probe_that_tells_nothing_makes_room_for_another(outcome: Outcome | None) -> None:
    breakers = opened()
    assert breakers.refusal(HOST, REST_S) is None
    breakers.settle(HOST, outcome, REST_S)
    assert breakers.refusal(HOST, REST_S) is None


def test_zero_means_never() -> None:
    assert opened(100, after=0).refusal(HOST, 0.0) is None


@pytest.mark.parametrize(
    ("outcome", "away"),
    [
        (Outcome(OutcomeKind.SUCCESS, 204), False),
        (Outcome(OutcomeKind.FAILED, 404), False),
        (Outcome(OutcomeKind.RETRY, 429), False),
        (Outcome(OutcomeKind.RETRY, 503), True),
        (Outcome(OutcomeKind.RETRY, error_class=ErrorClass.TIMEOUT), True),
        (Outcome(OutcomeKind.RETRY, error_class=ErrorClass.DNS), True),
        (Outcome(OutcomeKind.FAILED, error_class=ErrorClass.TLS), True),
        (Outcome(OutcomeKind.FAILED, error_class=ErrorClass.REFUSED_ADDRESS), None),
        (Outcome(OutcomeKind.FAILED, error_class=ErrorClass.REQUEST), None),
        (Outcome(OutcomeKind.RETRY, error_class=ErrorClass.AUTH), None),
        (Outcome(OutcomeKind.RETRY, error_class=ErrorClass.CIRCUIT_OPEN), None),
    ],
)
def test_what_an_outcome_says_about_its_host(outcome: Outcome, away: bool | None) -> None:
    assert is_away(outcome) is away


def test_an_open_circuit_makes_no_request(
    job_to: Callable[..., Job], new_delivery: Callable[..., Delivery], call_of: Callable[..., AttemptContext]
) -> None:
    async def run(receiver: Receiver) -> list[Outcome]:
        async with new_delivery(breaker_after=2) as delivery:
            job = job_to(receiver.url("/status/500"))
            outcomes = [await delivery.attempt(job, call_of()) for _ in range(4)]
            assert delivery.open_circuits() == (f"127.0.0.1:{receiver.port}",)
            return outcomes

    with Receiver() as receiver:
        outcomes = asyncio.run(run(receiver))
        assert len(receiver.requests) == 2
    assert [outcome.error_class for outcome in outcomes] == ["status", "status", "circuit-open", "circuit-open"]


def test_an_attempt_that_is_cancelled_while_it_probes_makes_room(
    job_to: Callable[..., Job], new_delivery: Callable[..., Delivery], call_of: Callable[..., AttemptContext]
) -> None:
    async def run(receiver: Receiver) -> bool:
        async with new_delivery(breaker_after=1) as delivery:
            delivery._breakers = CircuitBreakers(after=1, rest=timedelta(0))
            await delivery.attempt(job_to(receiver.url("/status/500")), call_of())
            probe = asyncio.create_task(delivery.attempt(job_to(receiver.url("/hold/it")), call_of()))
            assert await asyncio.to_thread(receiver.wait_for, 2, 5)
            probe.cancel()
            await asyncio.wait([probe])
            return (await delivery.attempt(job_to(receiver.url("/ok")), call_of())).kind is OutcomeKind.SUCCESS

    with Receiver() as receiver:
        assert asyncio.run(run(receiver))


def test_requests_to_one_host_are_spread_by_the_rate() -> None:
    async def begin() -> tuple[list[float], list[float]]:
        slots = ConcurrencyLimiter(at_once=100, per_host=100, rate=50)
        loop = asyncio.get_running_loop()
        begun: dict[str, list[float]] = {"a": [], "b": []}

        async def one(host: str) -> None:
            async with slots.hold(host):
                begun[host].append(loop.time())

        await asyncio.gather(*(one(host) for host in "aaaaaab"))
        return begun["a"], begun["b"]

    slow, other = asyncio.run(begin())
    assert slow[-1] - slow[0] >= 5 * 0.02 - 0.005
    assert other[0] < slow[2], "another host does not wait"


def test_without_a_rate_nothing_waits() -> None:
    async def begin() -> float:
        slots = ConcurrencyLimiter(at_once=1, per_host=1)
        started = asyncio.get_running_loop().time()
        for _ in range(100):
            async with slots.hold("a"):
                pass
        return asyncio.get_running_loop().time() - started

    assert asyncio.run(begin()) < 1


def test_some_slots_are_left_however_many_hosts_hang() -> None:
    async def run() -> None:
        slots = ConcurrencyLimiter(at_once=40, per_host=20)
        begun: list[str] = []
        end = asyncio.Event()

        async def hang(host: str) -> None:
            async with slots.hold(host):
                begun.append(host)
                await end.wait()

        tasks = [asyncio.create_task(hang(f"slow-{number % 8}")) for number in range(160)]
        await asyncio.sleep(0)
        assert len(begun) < 40
        assert set(begun) == {f"slow-{number}" for number in range(8)}
        for _ in range(100):
            async with asyncio.timeout(5), slots.hold("quick"):
                pass
        tasks[0].cancel()
        tasks[-1].cancel()
        end.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(begun) >= 158
        async with asyncio.timeout(5):
            await asyncio.gather(*(hang("again") for _ in range(40)))

    asyncio.run(run())


def test_one_host_alone_gets_its_whole_limit_of_the_default_slots() -> None:
    async def run() -> int:
        slots = ConcurrencyLimiter(at_once=200, per_host=50)
        begun: list[int] = []

        async def hang(number: int) -> None:
            async with slots.hold("one"):
                begun.append(number)
                await asyncio.sleep(60)

        tasks = [asyncio.create_task(hang(number)) for number in range(100)]
        for _ in range(3):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return len(begun)

    assert asyncio.run(run()) == 50
