"""Guards that hold for every test: the home folder, git's own configuration and the environment are out of reach."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="session")
def _guarded_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = tmp_path_factory.mktemp("home")
    before = dict(os.environ)
    for name in [
        name for name in os.environ if name.startswith(("CHRONOS_", "GIT_", "XDG_")) or name.endswith("_proxy")
    ]:
        del os.environ[name]
    os.environ |= {
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Test Author",
        "GIT_AUTHOR_EMAIL": "author@example.com",
        "GIT_COMMITTER_NAME": "Test Committer",
        "GIT_COMMITTER_EMAIL": "committer@example.com",
        "TZ": "UTC",
    }
    yield
    os.environ.clear()
    os.environ |= before


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder
