"""A real runner over real git."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, Receiver, app_of, fill, settings_of
from harness.serving import serving

from chronos_gitops.app import build
from chronos_gitops.service import Service


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    with serving(Receiver()) as server:
        yield server
        server.release.set()


@pytest.fixture(scope="session")
def shared(
    tmp_path_factory: pytest.TempPathFactory, receiver: Receiver, _guarded_environment: None
) -> Iterator[Service]:
    """One runner for all tests that only look."""
    folder = tmp_path_factory.mktemp("shared")
    checkout = Checkout(folder / "repo")
    fill(checkout, receiver.url)
    with build(settings_of(checkout, folder / "data")) as service:
        yield service


@pytest.fixture(scope="session")
def client(shared: Service) -> FlaskClient:
    return app_of(shared).test_client()


@pytest.fixture
def checkout(tmp_path: Path, receiver: Receiver) -> Checkout:
    found = Checkout(tmp_path / "repo")
    fill(found, receiver.url)
    return found


@pytest.fixture
def service(checkout: Checkout, tmp_path: Path) -> Iterator[Service]:
    """A runner of one's own, for tests that change something."""
    with build(settings_of(checkout, tmp_path / "data")) as found:
        yield found


@pytest.fixture
def own(service: Service) -> FlaskClient:
    return app_of(service).test_client()
