"""A TCP proxy on 127.0.0.1 that can delay, swallow or lose what a database answers."""

import contextlib
import select
import socket
import threading
from types import TracebackType
from typing import Self


class Proxy:
    """Passes bytes on, answers after ``delay_s``. ``cut_at_commit(n)``: the next n COMMITs reach the server, and their
    answers nobody; the connection is closed instead. From ``hang`` to ``go_on`` nothing passes; ``cut`` closes all."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._left = 0
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self.cuts = 0
        self.delay_s = 0.0
        self._passing = threading.Event()
        self._passing.set()
        self._generation = 0

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self.go_on()
        for thread in list(self._threads):
            thread.join(10)
        self._listening.close()

    def cut_at_commit(self, count: int) -> None:
        with self._lock:
            self._left = count

    def hang(self) -> None:
        self._passing.clear()

    def go_on(self) -> None:
        self._passing.set()

    def cut(self) -> None:
        with self._lock:
            self._generation += 1

    def _begin(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]  # a method of ours
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ending.is_set():
            readable, _, _ = select.select([self._listening], [], [], 0.05)
            if readable:
                client, _ = self._listening.accept()
                self._begin(self._pass_on, client)

    def _pass_on(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as server:
            is_lost, generation = False, self._generation
            while not self._ending.is_set() and generation == self._generation:
                readable, _, _ = select.select([client, server], [], [], 0.05)
                self._passing.wait()
                for end in readable:
                    content = end.recv(65536)
                    if not content or (is_lost and end is server):
                        return
                    is_lost = is_lost or (end is client and self._is_to_cut(content))
                    if end is server:
                        threading.Event().wait(self.delay_s)
                    (server if end is client else client).sendall(content)

    def _is_to_cut(self, content: bytes) -> bool:
        with self._lock:
            if not self._left or b"COMMIT\0" not in content:
                return False
            self._left -= 1
            self.cuts += 1
            return True
