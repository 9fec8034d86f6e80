"""Where ``make test`` puts temporary folders."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from harness.again import ENOUGH, temporary_folder


@pytest.mark.parametrize(("available", "is_taken"), [(ENOUGH, True), (ENOUGH - 1024, False)])
def test_temporary_folders_are_in_memory_where_there_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, available: int, is_taken: bool
) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal:       99999999 kB\nMemAvailable:   {available // 1024} kB\n")
    assert temporary_folder(tmp_path, meminfo) == ({"TMPDIR": str(tmp_path)} if is_taken else {})


def test_another_choice_and_a_machine_without_such_a_folder_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    assert temporary_folder(tmp_path / "missing") == {}
    assert temporary_folder(tmp_path, tmp_path / "meminfo") == {}
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert temporary_folder() == {}


def test_memory_that_runs_no_programs_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many containers mount it so."""
    monkeypatch.delenv("TMPDIR", raising=False)
    found = os.statvfs(tmp_path)
    for flag, expected in ((0, {"TMPDIR": str(tmp_path)}), (os.ST_NOEXEC, {})):
        seen = SimpleNamespace(f_bavail=found.f_bavail, f_frsize=found.f_frsize, f_flag=flag)
        monkeypatch.setattr(os, "statvfs", lambda _, seen=seen: seen)
        assert temporary_folder(tmp_path, enough=0) == expected
