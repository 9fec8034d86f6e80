"""Each change is noticed, also one that watchfiles tells late or never: the doorbell has heard it."""

import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
import watchfiles

from chronos_gitops.sync.file_watcher import FileWatcher

LONG = 20.0


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def folders(self) -> Collection[Path]:
        return [self.path]

    def concerns(self, path: str) -> bool:
        return path.endswith(".yaml")


class Notices:
    def __init__(self) -> None:
        self.times: list[float] = []
        self._changed = threading.Condition()

    def __call__(self) -> None:
        with self._changed:
            self.times.append(time.monotonic())
            self._changed.notify_all()

    def after(self, count: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: len(self.times) > count, LONG)


@pytest.fixture
def notices() -> Notices:
    return Notices()


@pytest.fixture
def watcher(tmp_path: Path, notices: Notices) -> Iterator[FileWatcher]:
    watcher = FileWatcher(Folder(tmp_path), notices)
    yield watcher
    watcher.stop()
    watcher._thread.join(LONG)
    assert not watcher._thread.is_alive(), "it waits for its next look"


def test_each_of_many_saves_is_noticed(watcher: FileWatcher, notices: Notices, tmp_path: Path) -> None:
    watcher.start()
    assert notices.after(0)
    for number in range(20):
        before = len(notices.times)
        fresh = tmp_path / ".fresh"
        fresh.write_text(str(number))
        fresh.replace(tmp_path / "a.yaml")
        assert notices.after(before)


@pytest.mark.parametrize("tells", ["nothing", "the first half"])
def test_what_watchfiles_does_not_tell_is_noticed(
    tells: str, watcher: FileWatcher, notices: Notices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where its thread gets no turn: it has read nothing yet, or the first of two changes."""

    def late(*_: Path, stop_event: threading.Event, **__: Any) -> Iterator[set[tuple[watchfiles.Change, str]]]:
        yield set()
        if tells == "the first half":
            (tmp_path / "a.yaml").touch()
            yield {(watchfiles.Change.added, str(tmp_path / ".fresh"))}
        while not stop_event.is_set():
            yield set()

    monkeypatch.setattr(watchfiles, "watch", late)
    watcher.start()
    assert notices.after(0)
    before = len(notices.times)
    (tmp_path / ("a.yaml" if tells == "nothing" else ".fresh")).touch()
    assert notices.after(before)


def test_it_looks_as_before_where_nothing_can_be_heard(
    watcher: FileWatcher, notices: Notices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    watcher.start()
    assert notices.after(0)
    (tmp_path / "a.yaml").touch()
    assert notices.after(1)
