"""Host names to addresses, without ever holding up the event loop or the end of the process."""

import asyncio
import contextlib
import errno
import os
import socket
import threading
from collections.abc import Awaitable, Callable

from chronos_gitops.process import file_descriptors

AddressInfo = tuple[socket.AddressFamily, str]
"""Family and numeric address."""
Resolve = Callable[[str], Awaitable[list[AddressInfo]]]
"""A host name to its addresses; raises socket.gaierror."""


class Resolver:
    """``getaddrinfo`` in daemon threads, ``at_once`` of them at most. Lives in one event loop.

    The loop's own executor has a handful of threads, which a few dead name servers fill, and the interpreter waits
    for them when it exits.
    """

    def __init__(self, *, at_once: int = 64) -> None:
        self._free = asyncio.Semaphore(at_once)

    async def resolve(self, host: str) -> list[AddressInfo]:
        """Stream addresses in the order of RFC 6724; raises socket.gaierror."""
        async with self._free:
            loop = asyncio.get_running_loop()
            answer: asyncio.Future[list[AddressInfo]] = loop.create_future()
            threading.Thread(target=_look_up, args=(host, loop, answer), name=f"lookup {host}", daemon=True).start()
            return await answer


def _look_up(host: str, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[list[AddressInfo]]) -> None:
    found: list[AddressInfo] | OSError
    try:
        infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        found = [(family, str(place[0])) for family, _, _, _, place in infos]
    except OSError as error:
        found = OSError(errno.EMFILE, os.strerror(errno.EMFILE)) if file_descriptors.none_is_free() else error
    except UnicodeError:  # a label over 63 characters
        found = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    with contextlib.suppress(RuntimeError):  # the loop is closed; nothing waits
        loop.call_soon_threadsafe(_settle, answer, found)


def _settle(answer: asyncio.Future[list[AddressInfo]], found: list[AddressInfo] | OSError) -> None:
    if answer.done():
        return
    if isinstance(found, OSError):
        answer.set_exception(found)
    else:
        answer.set_result(found)
