"""A thread that says "something may have changed below these folders"; a hint, never the truth."""

import logging
import os
import platform
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, Protocol

from chronos_gitops.process.background_thread import BackgroundThread
from chronos_gitops.process.doorbell import Doorbell

_STEP_MS: Final = 10
_GROUP_MS: Final = 50
_LOOK_UP_MS: Final = 200
_AFTER_BELL_MS: Final = 50
_ARM_AGAIN: Final = 30.0
_POLL: Final = 1.0
_log = logging.getLogger(__name__)


class WatchedFolders(Protocol):
    def folders(self) -> Collection[Path]:
        """The folders to watch, each without what is below it; those that do not exist are passed over."""

    def concerns(self, path: str) -> bool:
        """True if an event at this path can matter."""


_STOPS_WITHIN_S: Final = 2.0


class FileWatcher:
    """Calls ``notice`` from its own thread. inotify watches die silently with their folder: they are armed again

    whenever the set of folders or one of them changes, and at least every 30 s; after arming, ``notice`` is called once
    for what happened in between. Without inotify (limits, exotic file systems) it becomes a clock of one second.
    watchfiles is asked only after the doorbell: it looks a hundred times a second while it is asked.
    """

    def __init__(self, watched: WatchedFolders, notice: Callable[[], None]) -> None:
        self._watched = watched
        self._notice = notice
        self._bell = Doorbell()
        self._thread = BackgroundThread("chronos-watch", self._run)

    def start(self) -> None:
        self._thread.launch()

    def stop(self) -> None:
        """Harmless when it never started. A file system that does not answer is not waited for."""
        self._thread.stop()
        self._bell.ring()
        self._thread.join(_STOPS_WITHIN_S)

    def _run(self) -> None:
        while not self._thread.stopping.is_set():
            try:
                folders = frozenset(folder for folder in self._watched.folders() if folder.is_dir())
                if not folders:
                    # Nothing to hear, so nothing to say: a folder that comes is noticed when it is armed.
                    self._thread.stopping.wait(_POLL)
                    continue
                self._follow(folders)
            except (OSError, RuntimeError) as error:
                # WatchfilesRustInternalError is a RuntimeError; a folder that vanished while arming is an OSError.
                _log.debug("watching failed, looking every second", extra={"error": str(error)})
                self._thread.stopping.wait(_POLL)
                self._notice()

    def _follow(self, folders: frozenset[Path]) -> None:
        """Until the folders have to be armed anew."""
        import watchfiles

        until = time.monotonic() + _ARM_AGAIN
        fresh, is_heard, is_polling = True, False, _is_polling()
        with self._bell.hung(() if is_polling else folders) as can_hear:
            can_hear = can_hear and not is_polling
            for changes in watchfiles.watch(
                *folders,
                recursive=False,
                watch_filter=None,
                step=_STEP_MS,
                debounce=_GROUP_MS,
                rust_timeout=_AFTER_BELL_MS if can_hear else _LOOK_UP_MS,
                yield_on_timeout=True,
                stop_event=self._thread.stopping,
                raise_interrupt=False,
                force_polling=is_polling,
            ):
                paths = [path for _, path in changes]
                if fresh or (is_heard and not paths) or any(map(self._watched.concerns, paths)):
                    self._notice()
                # Also when nothing was heard: a folder made while arming makes no event for what is in it.
                if time.monotonic() > until or ((fresh or paths) and self._moved(folders, paths)):
                    return
                fresh = False
                # After changes it may have heard one that watchfiles has not read yet: that one is looked for, too.
                if can_hear:
                    is_heard = self._bell.wait(0.0 if paths else until - time.monotonic())

    def _moved(self, folders: frozenset[Path], paths: Collection[str]) -> bool:
        # A folder that was removed and made again may carry the same inode: any event at a folder itself counts.
        if any(Path(path) in folders for path in paths):
            return True
        return frozenset(folder for folder in self._watched.folders() if folder.is_dir()) != folders


def _is_polling() -> bool:
    """True where watchfiles looks at files itself, because their changes are not heard."""
    asked = os.environ.get("WATCHFILES_FORCE_POLLING", "")
    return asked.lower() not in {"false", "disable", "disabled"} if asked else "microsoft" in platform.release().lower()
