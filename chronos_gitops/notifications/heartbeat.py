"""The heartbeat: a regular request to a monitor that alerts when requests stop, even if the whole machine is down."""

import logging
from collections.abc import Callable
from typing import Final

from chronos_gitops.config.groups import Heartbeat
from chronos_gitops.notifications.transports.http import NotificationSender, NotSent
from chronos_gitops.process.background_thread import BackgroundThread

log = logging.getLogger(__name__)
_SOONER: Final = 1.0


class HeartbeatThread(BackgroundThread):
    """A thread of its own. ``is_alive`` is asked before each heartbeat; an address may be away."""

    def __init__(self, heartbeat: Heartbeat, outlet: NotificationSender, *, is_alive: Callable[[], bool]) -> None:
        super().__init__("chronos-heartbeat")
        self._heartbeat = heartbeat
        self._outlet = outlet
        self._is_alive = is_alive
        self._was_heard = True

    def start(self) -> None:
        if self._heartbeat.url is not None:
            self.launch()

    def run(self) -> None:
        """A scheduler that has just started has its first sign sent as soon as it is alive."""
        wait = 0.0
        while not self.stopping.wait(wait):
            wait = self._heartbeat.interval.total_seconds() if self.beat() else _SOONER

    def beat(self) -> bool:
        """True if the scheduler is alive, and so a sign was tried."""
        if not self._is_alive() or self._heartbeat.url is None:
            return False
        try:
            self._outlet.ping(self._heartbeat.url)
        except NotSent as error:
            if self._was_heard:
                log.warning("heartbeat_not_heard", extra={"error": error.message})
            self._was_heard = False
        except Exception:  # whatever it is, the next sign must be sent
            log.exception("heartbeat_failed")
        else:
            self._was_heard = True
        return True
