"""Login sessions as rows: the same on every engine, without the cookie's value anywhere."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness.engine_harness import Bench
from harness.engines import EngineMaker, on_postgres, on_sqlite

from chronos_gitops.config.settings import Settings
from chronos_gitops.engine.engine import NotRunning
from chronos_gitops.engine.factory import build_engine_setup
from chronos_gitops.engine.login_sessions import MOST_OF_ONE_PERSON, LoginSession, LoginSessions

BEGAN = datetime(2026, 3, 2, 12, tzinfo=UTC)
ADA = LoginSession(
    id="a" * 64,
    person="https://sso.example.com 7",
    name="ada@example.com",
    via="sso",
    claims={"groups": ["billing-dev"], "email_verified": True},
    address="192.0.2.1",
    began_at=BEGAN,
    until=BEGAN + timedelta(hours=12),
)


@pytest.fixture(params=["sqlite", "postgres", "temporal"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def engine_maker(request: pytest.FixtureRequest, kind: str, data_folder: Path) -> EngineMaker:
    return on_postgres(request.getfixturevalue("postgres_url")) if kind == "postgres" else on_sqlite(data_folder / "x")


@pytest.fixture
def sessions(kind: str, bench: Bench, data_folder: Path) -> Iterator[LoginSessions]:
    """On Temporal in the data folder, whatever the server does; otherwise in the engine's own database."""
    address = {"temporal": "temporal://127.0.0.1:9", "postgres": "postgresql://127.0.0.1:9/x"}.get(kind, "sqlite")
    setup = build_engine_setup(Settings("repo", data_folder, engine=address))
    found = LoginSessions(setup.sessions)
    found.open(bench.start())
    yield found
    found.close()


def test_a_session_is_found_as_it_began(sessions: LoginSessions) -> None:
    sessions.add(ADA)
    assert sessions.find(ADA.id) == ADA
    assert sessions.find("b" * 64) is None


def test_the_end_of_a_session_is_for_good_and_harms_no_other(sessions: LoginSessions) -> None:
    other = replace(ADA, id="b" * 64)
    for one in (ADA, other):
        sessions.add(one)
    sessions.end(ADA.id)
    sessions.end(ADA.id)
    assert sessions.find(ADA.id) is None
    assert sessions.current(BEGAN) == [other]


def test_sessions_are_listed_newest_first_while_they_last(sessions: LoginSessions) -> None:
    later = replace(ADA, id="b" * 64, began_at=BEGAN + timedelta(hours=1), until=BEGAN + timedelta(hours=13))
    for one in (ADA, later):
        sessions.add(one)
    assert sessions.current(BEGAN + timedelta(hours=2)) == [later, ADA]
    assert sessions.current(ADA.until) == [later]


def test_a_login_forgets_sessions_whose_time_is_over(sessions: LoginSessions) -> None:
    sessions.add(ADA)
    sessions.add(replace(ADA, id="b" * 64, began_at=ADA.until, until=ADA.until + timedelta(hours=12)))
    assert sessions.find(ADA.id) is None


def test_one_person_has_a_bounded_number_of_sessions(sessions: LoginSessions) -> None:
    eve = replace(ADA, id="e" * 64, person="eve")
    sessions.add(eve)
    for number in range(MOST_OF_ONE_PERSON + 3):
        sessions.add(replace(ADA, id=f"{number:064}", began_at=BEGAN + timedelta(seconds=number)))
    left = sessions.current(BEGAN)
    assert len(left) == MOST_OF_ONE_PERSON + 1
    assert eve in left
    assert sessions.find(f"{2:064}") is None
    assert sessions.find(f"{3:064}") is not None


def test_a_runner_that_starts_or_has_ended_says_so(sessions: LoginSessions) -> None:
    sessions.close()
    for question in (lambda: sessions.find(ADA.id), lambda: sessions.add(ADA), lambda: sessions.end(ADA.id)):
        with pytest.raises(NotRunning):
            question()


def test_on_temporal_the_file_is_for_its_owner_only(data_folder: Path, bench: Bench) -> None:
    setup = build_engine_setup(Settings("repo", data_folder, engine="temporal://127.0.0.1:9"))
    with setup.sessions(bench.start()):
        files = list(data_folder.glob("sessions.db*"))
        assert {file.name for file in files} >= {"sessions.db", "sessions.db-wal"}
        assert [file for file in files if file.stat().st_mode & 0o077] == []
