"""Messages to systemd: ready, alive, stopping (sd_notify(3)); none where it does not listen."""

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Self


class SystemdNotifier:
    """``address`` is a socket's path, or ``@name`` in the abstract namespace; "" is none.

    ``watchdog`` is how many seconds may pass between two ``alive``, None without a watchdog.
    """

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog = watchdog

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, as systemd sets them for the process that it started."""
        usec, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
        is_ours = pid in ("", str(os.getpid()))
        return cls(environ.get("NOTIFY_SOCKET", ""), int(usec) / 1e6 if usec.isdecimal() and is_ours else None)

    @property
    def interval(self) -> float | None:
        """Seconds from one ``alive`` to the next: half of what is allowed, as sd_watchdog_enabled(3) recommends."""
        return None if self._watchdog is None or not self._address else self._watchdog / 2

    def ready(self, status: str) -> None:
        self._say(f"READY=1\nSTATUS={status}")

    def alive(self) -> None:
        self._say("WATCHDOG=1")

    def stopping(self, *, within: float) -> None:
        """Asks for the seconds that draining may take, in case the unit allows fewer."""
        self._say(f"STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC={round((within + 5) * 1e6)}")

    def _say(self, text: str) -> None:
        if not self._address:
            return
        # A supervisor that is away must not take the runner with it.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.settimeout(1)
            to.sendto(text.replace("\0", "").encode(), self._address)
