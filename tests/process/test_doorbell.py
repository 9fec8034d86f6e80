"""The doorbell of the file watcher hears what happens in a folder; a hand and the time end its wait, too."""

import threading
import time
from pathlib import Path

import pytest

from chronos_gitops.process.doorbell import Doorbell

LONG = 20.0
SHORT = 0.02


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_each_change_is_heard_once(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    bell = Doorbell()
    with bell.hung([tmp_path]) as can_hear:
        assert can_hear
        assert not bell.wait(SHORT)
        for change in (file.touch, lambda: file.write_text("b"), lambda: file.chmod(0o600), file.unlink):
            change()
            assert bell.wait(LONG)
            assert not bell.wait(SHORT)


def test_a_folder_that_goes_or_is_moved_is_heard(tmp_path: Path) -> None:
    folder, other = tmp_path / "folder", tmp_path / "other"
    bell = Doorbell()
    for go in (lambda: folder.rename(other), folder.rmdir):
        folder.mkdir(exist_ok=True)
        with bell.hung([folder]):
            go()
            assert bell.wait(LONG)


def test_reading_and_changes_elsewhere_are_not_heard(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "a.yaml").write_text("a")
    bell = Doorbell()
    with bell.hung([tmp_path]):
        (tmp_path / "a.yaml").read_bytes()
        (tmp_path / "below" / "b.yaml").touch()
        assert not bell.wait(SHORT)


def test_a_hand_ends_this_wait_and_every_later_one(tmp_path: Path) -> None:
    bell = Doorbell()
    with bell.hung([tmp_path]):
        began = time.monotonic()
        threading.Timer(SHORT, bell.ring).start()
        assert not bell.wait(LONG)
        assert not bell.wait(LONG)
    with bell.hung([tmp_path]):
        assert not bell.wait(LONG)
    bell.ring()
    assert time.monotonic() - began < LONG


@pytest.mark.parametrize("missing", ["gone", "inotify"])
def test_it_says_when_it_cannot_hear(missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [tmp_path, tmp_path / "gone"] if missing == "gone" else [tmp_path]
    if missing == "inotify":
        monkeypatch.setattr("sys.platform", "darwin")
    before = descriptors()
    with Doorbell().hung(folders) as can_hear:
        assert not can_hear
    assert descriptors() == before
