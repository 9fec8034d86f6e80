"""A forge of each kind, and a client of it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from harness.programs.fake_forge import REPOSITORY, TOKEN, FakeForge

from chronos_gitops.config.forge import ForgeSettings
from chronos_gitops.config.settings import Settings
from chronos_gitops.forge.client import ForgeClient, forge_client


@pytest.fixture(params=["github", "gitlab", "gitea"])
def forge(request: pytest.FixtureRequest) -> Iterator[FakeForge]:
    with FakeForge(request.param) as found:
        yield found
        assert found.faults == []


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    found = tmp_path / "token"
    found.write_text(f"{TOKEN}\n")
    return found


@pytest.fixture
def client(forge: FakeForge, token_file: Path, tmp_path: Path) -> ForgeClient:
    settings = ForgeSettings(forge.kind, forge.url, REPOSITORY[forge.kind], token_file)  # type: ignore[arg-type]
    found = forge_client(Settings(str(tmp_path), tmp_path, forge=settings), lambda: datetime.now(UTC))
    assert found is not None
    return found
