"""Small files that survive a crash."""

import errno
import os
from pathlib import Path

import pytest

from chronos_gitops.state.atomic_files import append_line, read_lines, write_atomically


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "made" / "state"
    write_atomically(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in path.parent.iterdir()] == ["state"], "and nothing is left beside it"


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    write_atomically(tmp_path / "whole", b"")
    append_line(tmp_path / "lines", {})
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("whole", "lines")] == [0o600, 0o600]


@pytest.mark.parametrize("cut", range(1, 14))
def test_a_line_that_a_crash_has_cut_costs_itself_only(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "lines"
    for number in range(2):
        append_line(path, {"number": number})
    os.truncate(path, path.stat().st_size - cut)
    append_line(path, {"number": 2})
    numbers = [line["number"] for line in read_lines(path)]
    assert numbers in ([0, 1, 2], [0, 2])
    assert (numbers == [0, 1, 2]) == (cut == 1), "only the newline was cut"


def test_what_is_no_object_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b'[1]\nnull\n\xff\xfe\n\n{"a": 1}\n{"a"')
    assert list(read_lines(path)) == [{"a": 1}]
