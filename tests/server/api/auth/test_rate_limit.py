import pytest
from flask import Flask
from harness.api_fixtures import app_of, token_of

from chronos_gitops.config.callers import tokens
from chronos_gitops.config.model import Token
from chronos_gitops.server.api.auth.rate_limit import FAILURES, Throttle
from chronos_gitops.service import Service

WRONG = {"Authorization": "Bearer wrong"}
STRANGER = {"REMOTE_ADDR": "192.0.2.9"}


def failing(throttle: Throttle, times: int, *, address: str = "192.0.2.1", now: float = 0.0) -> None:
    for _ in range(times):
        throttle.failed(address, now)


def test_an_address_waits_after_ten_failures_and_no_longer_than_it_must() -> None:
    throttle = Throttle()
    failing(throttle, FAILURES - 1)
    assert throttle.wait("192.0.2.1", 0.0) == 0
    failing(throttle, 1)
    assert throttle.wait("192.0.2.1", 0.0) == 6
    assert throttle.wait("192.0.2.1", 6.0) == 0
    failing(throttle, 1000)
    assert throttle.wait("192.0.2.1", 0.0) == 6, "a flood does not make it longer"
    assert throttle.wait("192.0.2.2", 0.0) == 0


def test_an_ipv6_host_cannot_change_its_address_to_go_on() -> None:
    throttle = Throttle()
    failing(throttle, FAILURES, address="2001:db8::1")
    assert throttle.wait("2001:db8::ffff:2", 0.0) == 6
    assert throttle.wait("2001:db8:0:1::1", 0.0) == 0


def test_its_memory_is_bounded() -> None:
    throttle = Throttle()
    for number in range(10_000):
        throttle.failed(f"10.0.{number // 256}.{number % 256}", 0.0)
        throttle.succeeded("127.0.0.1", str(number))
    assert len(throttle._failures) == len(throttle._good) == 4096
    assert not throttle.knows("127.0.0.1", "0")


@pytest.fixture
def guarded(shared: Service) -> Flask:
    return app_of(shared, token_of("read", "read")[1])


def test_wrong_tokens_are_soon_not_looked_at(guarded: Flask) -> None:
    client = guarded.test_client()
    answers = [client.get("/api/v1/jobs", headers=WRONG).status_code for _ in range(FAILURES + 2)]
    assert answers == [401] * FAILURES + [429] * 2
    refused = client.get("/api/v1/jobs", headers=WRONG)
    assert refused.get_json()["type"] == "/problems/too-many-failures"
    assert 1 <= int(refused.headers["Retry-After"]) <= 6
    # Not even the right one, else trying a list of them would only be noisier.
    good = {"Authorization": f"Bearer {token_of('read', 'read')[0]}"}
    assert client.get("/api/v1/jobs", headers=good).status_code == 429
    assert client.get("/api/v1/jobs", headers=good, environ_base=STRANGER).status_code == 200
    assert client.get("/api/v1/jobs").status_code == 401, "no token is no failure"
    assert client.get("/health", headers=good).get_json().keys() == {"status", "version", "tzdata"}


def test_who_was_let_in_before_stays_in_whoever_fails_behind_the_same_address(guarded: Flask) -> None:
    client = guarded.test_client()
    good = {"Authorization": f"Bearer {token_of('read', 'read')[0]}"}
    assert client.get("/api/v1/jobs", headers=good).status_code == 200
    for _ in range(FAILURES + 5):
        client.get("/api/v1/jobs", headers=WRONG)
    assert client.get("/api/v1/jobs", headers=good).status_code == 200


def test_a_minted_token_is_never_held_up_by_others(shared: Service) -> None:
    text = tokens.mint(["read"])
    client = app_of(shared, Token("ci", tokens.digest(text), frozenset({"read"}))).test_client()
    for _ in range(FAILURES + 5):
        client.get("/api/v1/jobs", headers=WRONG)
    assert client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {text}"}).status_code == 200
    other = client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {tokens.mint(['read'])}"})
    assert other.status_code == 429
