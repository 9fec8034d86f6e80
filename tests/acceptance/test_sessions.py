"""A cookie that was copied, on two runners of the installed program that share one PostgreSQL database."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import sleep

import httpx
import pytest
from harness.api_fixtures import token_of
from harness.processes.replicas import Sink
from harness.processes.subprocess_runner import Runner
from harness.processes.two_replicas import repository

SECRET, ADA = token_of("ada", "read")
CALLS = 50


@pytest.fixture
def runners(tmp_path: Path, postgres_url: str) -> Iterator[list[Runner]]:
    settings = tmp_path / "chronos.toml"
    settings.write_text(f'[[tokens]]\nname = "ada"\nsha256 = "{ADA.sha256}"\nroles = ["read"]\n')
    sink = Sink()
    with sink.server, ExitStack() as running:
        folder = str(repository(tmp_path, sink))
        environ = {"CHRONOS_ENGINE": postgres_url, "CHRONOS_CONFIG": str(settings)}
        yield [running.enter_context(Runner(folder, data=tmp_path / name, environ=environ)) for name in ("a", "b")]
        sink.release()


def thief_of(runner: Runner, cookie: str) -> httpx.Client:
    return httpx.Client(base_url=runner.address, trust_env=False, cookies={"chronos_session": cookie}, timeout=20)


@pytest.mark.timeout(120)
def test_the_thief_of_a_cookie_is_refused_five_seconds_after_its_end(runners: list[Runner]) -> None:
    """Takes six seconds: both runners have looked the session up just before it ends."""
    one = runners[0]
    login = httpx.post(f"{one.address}/login", data={"token": SECRET}, headers={"Origin": one.address}, trust_env=False)
    cookie = login.cookies["chronos_session"]
    thieves = [thief_of(runner, cookie) for runner in runners]
    with thieves[0], thieves[1]:
        assert [thief.get("/api/v1/jobs").status_code for thief in thieves] == [200, 200]
        ended = httpx.post(
            f"{one.address}/logout",
            headers={"Origin": one.address},
            cookies={"chronos_session": cookie},
            trust_env=False,
        )
        assert ended.status_code == 303
        sleep(5)  # the promise is about the clock on the wall of two other processes
        accepted = [sum(thief.get("/api/v1/jobs").status_code != 401 for _ in range(CALLS)) for thief in thieves]
        print(f"calls accepted after 5 s: {accepted[0]} and {accepted[1]} of {CALLS}")
        assert accepted == [0, 0]
