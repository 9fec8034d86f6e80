"""A folder or an address: one answer for the settings and for git."""

from pathlib import Path

import pytest

from chronos_gitops.config.repository_url import is_address, names_helper, scheme_of


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://git.example.com/jobs.git", True),
        ("HTTPS://git.example.com/jobs.git", True),
        ("file:///srv/jobs.git", True),
        ("git@git.example.com:team/jobs.git", True),
        ("forge:team/jobs.git", True),
        ("ext::sh -c date", True),
        (".", False),
        ("jobs", False),
        ("/srv/jobs.git", False),
        ("./a:b", False),
        ("C:/jobs", False),
        ("some folder/x://y", False),
    ],
)
def test_an_address_is_told_from_a_folder(text: str, address: bool) -> None:
    assert is_address(text) is address


def test_a_folder_that_is_there_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_address("team:jobs")
    (tmp_path / "team:jobs").mkdir()
    assert not is_address("team:jobs")


def test_schemes_and_helpers() -> None:
    assert (scheme_of("SSH://host/x"), scheme_of("host:x")) == ("ssh", None)
    assert names_helper("ext::sh -c date")
    assert not names_helper("https://[::1]/x")
