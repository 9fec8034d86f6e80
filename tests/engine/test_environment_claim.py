"""The first environment that uses an engine is recorded there, on every engine; another one does not start."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness.clock import RealClock
from harness.engine_harness import Seen

from chronos_gitops.config.settings import Settings
from chronos_gitops.engine.environment_claim import WrongEnvironment
from chronos_gitops.engine.factory import build_engine_setup
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy


@contextmanager
def started(address: str, data: Path, environment: str | None, *, is_renamed: bool = False) -> Iterator[None]:
    settings = Settings("repo", data, engine=address, environment=environment)
    setup = build_engine_setup(settings, RealClock(), is_renamed=is_renamed)
    policy = EgressPolicy.parse("internal", loopback_allowed=True)
    engine = setup.build(
        lambda: Delivery(secrets=Secrets({}), egress=policy, user_agent="x"), Seen(), lambda _since, _head: False
    )
    engine.start()
    try:
        assert engine.health().ok, engine.health()
        yield
    finally:
        engine.stop(0)


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "temporal"])
def test_engine_belongs_to_the_first_environment(request: pytest.FixtureRequest, data_folder: Path, kind: str) -> None:
    place, address = "database", "sqlite://"
    if kind == "postgres":
        address = request.getfixturevalue("postgres_url")
    elif kind == "temporal":
        server = request.getfixturevalue("temporal")
        place, address = "namespace", server.url(server.namespace())
    data_folder.mkdir(exist_ok=True)
    with started(address, data_folder, None):
        pass
    with started(address, data_folder, "production"):
        pass
    with pytest.raises(WrongEnvironment) as caught, started(address, data_folder, "staging"):
        pass
    assert caught.value.message == f"this {place} belongs to environment production"
    assert caught.value.hint == f"give staging a {place} of its own; after a rename, --accept-environment once"
    with started(address, data_folder, "staging", is_renamed=True):
        pass
    with started(address, data_folder, "staging"), started(address, data_folder, None):
        pass
    with (
        pytest.raises(WrongEnvironment, match="belongs to environment staging"),
        started(address, data_folder, "production"),
    ):
        pass
