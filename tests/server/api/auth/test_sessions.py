"""The validity of a login session: on each replica, and until its end."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness.api_fixtures import app_of, token_of
from harness.clock import HandClock
from harness.engine_harness import NOON, Bench, Seen
from harness.engines import on_postgres

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.config.settings import Settings
from chronos_gitops.engine.factory import build_engine_setup
from chronos_gitops.engine.login_sessions import LoginSessions
from chronos_gitops.server.api.auth.callers import Caller
from chronos_gitops.server.api.auth.session_cookie import COOKIE
from chronos_gitops.server.api.auth.sessions import SessionLookup, claims_of, grants
from chronos_gitops.service import Service

SECRET, READER = token_of("reader", "read", "operate")
OWN = {"Origin": "http://localhost"}


class Replica:
    """One runner's view of the sessions in a database; ``seconds`` pass when a test says so."""

    def __init__(self, rows: LoginSessions, *, lifetime: timedelta = timedelta(hours=12)) -> None:
        self.seconds = 1000.0
        self.now = datetime(2026, 3, 2, 12, tzinfo=UTC)
        self.lookup = SessionLookup(rows, lifetime=lifetime, now=lambda: self.now, elapsed=lambda: self.seconds)

    def accepts(self, cookie: str) -> bool:
        return self.lookup.of_cookie(cookie) is not None


@pytest.fixture
def rows(tmp_path: Path, postgres_url: str) -> Iterator[tuple[LoginSessions, LoginSessions]]:
    """The sessions as two replicas on one PostgreSQL database see them, each with connections of its own."""
    setup = build_engine_setup(Settings("repo", tmp_path, engine=postgres_url))
    with Receiver() as receiver:
        benches = [Bench(on_postgres(postgres_url, place), receiver, HandClock(NOON), Seen()) for place in ("a", "b")]
        found = (LoginSessions(setup.sessions), LoginSessions(setup.sessions))
        for one, bench in zip(found, benches, strict=True):
            one.open(bench.start())
        yield found
        for one, bench in zip(found, benches, strict=True):
            one.close()
            bench.stop_all()


def test_an_end_counts_on_every_replica_after_five_seconds(rows: tuple[LoginSessions, LoginSessions]) -> None:
    here, there = Replica(rows[0]), Replica(rows[1])
    cookie, session = here.lookup.begin(Caller.of(READER), claims_of(READER), "192.0.2.1")
    assert there.accepts(cookie), "a login counts everywhere at once"
    there.seconds += 0.001
    here.lookup.end(session.id)
    assert not here.accepts(cookie), "where it was ended it is refused at once"
    there.seconds += 4.9
    assert there.accepts(cookie), "a lookup is believed for five seconds"
    there.seconds += 0.1
    assert not there.accepts(cookie)


def test_a_lookup_counts_from_its_question_and_not_from_its_answer(rows: tuple[LoginSessions, LoginSessions]) -> None:
    """A database that answers slowly must not make a session last longer."""
    here, there = Replica(rows[0]), Replica(rows[1])
    cookie, session = here.lookup.begin(Caller.of(READER), claims_of(READER), "192.0.2.1")
    find = rows[1].find

    class Slow(LoginSessions):
        def find(self, session_id: str):  # type: ignore[no-untyped-def]  # as its base
            found = find(session_id)
            there.seconds += 4
            return found

    there.lookup = SessionLookup(
        Slow(lambda _: None),  # type: ignore[arg-type,return-value]  # it opens nothing
        lifetime=timedelta(hours=12),
        now=lambda: there.now,
        elapsed=lambda: there.seconds,
    )
    assert there.accepts(cookie)
    here.lookup.end(session.id)
    there.seconds += 1
    assert not there.accepts(cookie)


def test_a_session_lasts_for_its_lifetime_and_is_never_prolonged(rows: tuple[LoginSessions, LoginSessions]) -> None:
    replica = Replica(rows[0])
    cookie, session = replica.lookup.begin(Caller.of(READER), claims_of(READER), "192.0.2.1")
    assert session.until - session.began_at == timedelta(hours=12)
    for _ in range(12 * 60 - 1):
        replica.now += timedelta(minutes=1)
        assert replica.accepts(cookie)
    replica.now += timedelta(minutes=1)
    assert not replica.accepts(cookie)


def test_a_session_that_began_while_the_clock_was_ahead_does_not_count(
    rows: tuple[LoginSessions, LoginSessions],
) -> None:
    replica = Replica(rows[0])
    replica.now += timedelta(hours=1)
    cookie, _ = replica.lookup.begin(Caller.of(READER), claims_of(READER), "192.0.2.1")
    assert replica.accepts(cookie)
    replica.now -= timedelta(hours=1)
    assert not replica.accepts(cookie)


def test_a_shorter_lifetime_counts_for_sessions_of_before(rows: tuple[LoginSessions, LoginSessions]) -> None:
    cookie, _ = Replica(rows[0]).lookup.begin(Caller.of(READER), claims_of(READER), "192.0.2.1")
    assert not Replica(rows[1], lifetime=timedelta(hours=1)).accepts(cookie)


def test_made_up_cookies_ask_no_database(rows: tuple[LoginSessions, LoginSessions]) -> None:
    rows[0].close()
    replica = Replica(rows[0])
    for cookie in ("", "x", "\xff" * 43, "a" * 44, "a" * 42, "a" * 42 + "=", "a" * 43 + "\n"):
        assert not replica.accepts(cookie)


def test_what_is_stored_is_no_cookie(rows: tuple[LoginSessions, LoginSessions]) -> None:
    replica = Replica(rows[0])
    cookie, session = replica.lookup.begin(Caller.of(READER), claims_of(READER), "192.0.2.1")
    [stored] = rows[1].current(replica.now)
    assert stored == session
    assert cookie not in repr(stored)
    assert SECRET not in repr(stored)
    assert READER.sha256 not in repr(stored)
    assert not replica.accepts(stored.id), "the id of the row opens nothing"


def test_a_session_stands_for_the_token_that_it_began_with(rows: tuple[LoginSessions, LoginSessions]) -> None:
    _, session = Replica(rows[0]).lookup.begin(Caller.of(READER), claims_of(READER), "192.0.2.1")
    assert grants(READER, session)
    assert not grants(dataclasses.replace(READER, sha256="0" * 64), session)
    assert not grants(dataclasses.replace(READER, name="other"), session)
    assert not grants(READER, dataclasses.replace(session, via="sso"))


def test_a_store_that_does_not_answer_lets_nobody_in(service: Service) -> None:
    client = app_of(service, READER).test_client()
    client.post("/login", data={"token": SECRET}, headers=OWN)
    assert client.get_cookie(COOKIE) is not None
    service.sessions.close()
    fresh = app_of(service, READER).test_client()
    fresh.set_cookie(COOKIE, client.get_cookie(COOKIE).value)  # type: ignore[union-attr]  # it is there
    refused = fresh.get("/api/v1/jobs")
    assert refused.status_code == 503
    assert refused.get_json()["type"] == "/problems/unavailable"
    assert fresh.post("/login", data={"token": SECRET}, headers=OWN).status_code == 503
    good = {"Authorization": f"Bearer {SECRET}"}
    assert fresh.get("/api/v1/jobs", headers=good).status_code == 200, "tokens need no store"
