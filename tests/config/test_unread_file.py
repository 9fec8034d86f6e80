from pathlib import Path

import pytest

from chronos_gitops.config.load import unread_file


def test_a_file_in_the_current_folder_that_nothing_names_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert unread_file({}, None) is None
    Path("chronos.toml").write_text("")
    assert unread_file({}, None) == Path("chronos.toml")
    assert unread_file({}, Path("chronos.toml")) is None
    assert unread_file({"CHRONOS_CONFIG": "other.toml"}, None) is None
