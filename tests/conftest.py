"""Guards that hold for every test: the home folder, git's own configuration and the environment are out of reach."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from harness.environment import guard
from hypothesis import HealthCheck, settings

# A failing property prints how to run it again. Limits of time would hold on an idle machine only.
settings.register_profile("chronos", print_blob=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("chronos")

_ELSEWHERE = os.environ.get("CHRONOS_TEST_POSTGRES")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A guarantee that could not be tried is not passed over in silence: here a skip is a failure."""
    report = yield
    if report.skipped:
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"{item.nodeid} was skipped: {reason}"
    return report


@pytest.fixture(autouse=True, scope="session")
def _guarded_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = tmp_path_factory.mktemp("home")
    before = dict(os.environ)
    guard()
    os.environ["HOME"] = str(home)
    yield
    os.environ.clear()
    os.environ |= before


@pytest.fixture(scope="session")
def postgres_server(_guarded_environment: None) -> Iterator[str]:
    """The address of a PostgreSQL server: CHRONOS_TEST_POSTGRES, or one of our own for this session."""
    from harness.programs.postgres import Server

    if _ELSEWHERE is not None:
        yield _ELSEWHERE
        return
    server = Server()
    yield server.url()
    server.close()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The address of a database of this test's own."""
    from harness.programs.postgres import database

    with database(postgres_server) as url:
        yield url


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder
