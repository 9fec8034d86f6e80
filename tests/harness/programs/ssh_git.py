"""A git server over SSH on 127.0.0.1: git's own programs behind asyncssh, asked by the real ssh."""

import asyncio
import shlex
import subprocess
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncssh


class SshGit:
    """``connections`` counts those that came; ``banner`` is shown before a login; ``refusal`` is said instead of git's
    answer to a push. Keys are made by ssh-keygen in ``folder``."""

    def __init__(self, folder: Path, *, banner: str = "", refusal: str = "") -> None:
        self.folder = folder
        self.connections = 0
        self.refusal = refusal
        self.banner = banner
        self.host_key = make_key(folder / "host-key")
        self.client_key = make_key(folder / "client-key")
        self.known_hosts = folder / "known_hosts"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def url(self, path: Path) -> str:
        return f"ssh://git@127.0.0.1:{self.port}{path}"

    def trust(self, key: Path | None = None) -> Path:
        """known_hosts with the host's key, or with another one."""
        public = (key or self.host_key).with_suffix(".pub").read_text().split()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public[0]} {public[1]}\n")
        return self.known_hosts

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._do(self._listen())
        self.port = self._server.get_port()
        self.trust()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, what: "asyncio.Future[asyncssh.SSHAcceptor]") -> asyncssh.SSHAcceptor:
        done: Future[asyncssh.SSHAcceptor] = asyncio.run_coroutine_threadsafe(what, self._loop)
        return done.result(30)

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: _Server(self),
            server_host_keys=[str(self.host_key)],
            authorized_client_keys=str(self.client_key.with_suffix(".pub")),
            process_factory=self._serve,
            encoding=None,
        )

    async def _close(self) -> asyncssh.SSHAcceptor:
        self._server.close()
        await self._server.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return self._server

    async def _serve(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        words = shlex.split(process.command or "")
        refusal = self.refusal if words[0] == "git-receive-pack" else ""
        if not Path(words[-1]).is_dir():  # git's own words; a child that ends before it has read loses them here
            refusal = f"fatal: '{words[-1]}' does not appear to be a git repository\n"
        if refusal:
            process.stderr.write(refusal.encode())
            await process.stderr.drain()
            process.exit(128)
            return
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, stderr=pipe)
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        upload = asyncio.create_task(_upload(process.stdin, child.stdin))
        await asyncio.gather(_copy(child.stdout, process.stdout), _copy(child.stderr, process.stderr))
        code = await child.wait()
        upload.cancel()
        await asyncio.gather(upload, return_exceptions=True)
        process.exit(code)


async def _copy(source: asyncio.StreamReader, sink: "asyncssh.SSHWriter[bytes]") -> None:
    while data := await source.read(65_536):
        sink.write(data)
        await sink.drain()


async def _upload(source: "asyncssh.SSHReader[bytes]", sink: asyncio.StreamWriter) -> None:
    """Until the client says no more, or git has ended without reading the rest."""
    with suppress(BrokenPipeError, ConnectionResetError):
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
        sink.close()


class _Server(asyncssh.SSHServer):
    def __init__(self, owner: SshGit) -> None:
        self._owner = owner

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._owner.connections += 1
        self._conn = conn

    def begin_auth(self, username: str) -> bool:
        if self._owner.banner:
            self._conn.send_auth_banner(self._owner.banner)
        return True


def make_key(path: Path, *, passphrase: str = "") -> Path:
    """An Ed25519 key pair; the public half is beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    words = ("ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", str(path))
    subprocess.run(words, check=True, timeout=30)
    return path
