"""The same lines through bash with the real curl and wget, and through the importer and the webhook client."""

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from cli.importers.commands.command_lines import LOST, REDIRECTS, REFUSED, SAME
from harness.serving import serving

from chronos_gitops.cli.importers import commands
from chronos_gitops.cli.importers.commands.shell_words import read
from chronos_gitops.cli.importers.convert import finish
from chronos_gitops.cli.importers.model import ImportedJob, ImportResult, Unconvertible
from chronos_gitops.jobs.validation.validate import validate_file
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.request import AttemptContext
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy

NOW = datetime(2026, 1, 30, 7, tzinfo=UTC)
LOOPBACK = EgressPolicy.parse("internal", loopback_allowed=True)
_OURS = re.compile(r"x-chronos-.*|idempotency-key|traceparent")
_CONNECTION = frozenset({"host", "connection", "content-length", "accept-encoding"})
_REFERENCE = re.compile(r"\\\$\\\{secret:([a-z0-9\\-]+)\\\}")


class Seen(NamedTuple):
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class EchoServer(ThreadingHTTPServer):
    """Keeps each request; below /challenge it asks for Basic authentication first."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[Seen] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: EchoServer
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self._body()
        self.server.seen.append(Seen(self.command, self.path, tuple(self.headers.items()), body))
        is_refused = "challenge" in self.path and "authorization" not in self.headers
        self.send_response(401 if is_refused else 200)
        if is_refused:
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") == "chunked":
            found = b""
            while size := int(self.rfile.readline(), 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[EchoServer]:
    with serving(EchoServer()) as found:
        yield found


def really_sent(line: str, server: EchoServer, folder: Path) -> list[Seen]:
    """Every request that the line makes. Programs see no settings of the machine."""
    server.seen.clear()
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    subprocess.run(["bash", "-c", line], cwd=folder, env=environment, capture_output=True, check=False, timeout=60)
    return list(server.seen)


def webhook_sent(line: str, server: EchoServer) -> tuple[list[Seen], tuple[str, ...]]:
    """The request of the imported job with its secrets, and the parts named as lost. Raises Unconvertible."""
    made, lost = commands.webhook(read(line, {}))
    document = {"schedule": "@daily", "timezone": "UTC", "enabled": True} | made
    done = finish(ImportResult((ImportedJob("line 1", "", document, tuple(lost)),)))
    if done.refusals:
        raise Unconvertible(done.refusals[0].reason)
    (draft,) = done.drafts
    secrets = dict(_secrets(made, yaml.safe_load(draft.text)))
    assert secrets.keys() == set(draft.secrets)
    job = validate_file("jobs/x.yaml", draft.text.encode()).job
    assert job is not None

    async def attempt() -> None:
        async with Delivery(
            user_agent="chronos-gitops/0.1", secrets=Secrets(secrets), egress=LOOPBACK, now=lambda: NOW
        ) as delivery:
            await delivery.attempt(job, AttemptContext("0f8fad5b-d9cb-469f-a165-70867728950e", NOW, 1, "c0ffee"))

    server.seen.clear()
    asyncio.run(attempt())
    return list(server.seen), tuple(one for one in draft.lost if not one.startswith("the value of "))


def _secrets(before: Any, after: Any) -> Iterator[tuple[str, str]]:
    """The values that stood where there are references now."""
    if isinstance(before, dict):
        for key, value in before.items():
            yield from _secrets(value, after.get(key))
    elif isinstance(before, str) and "${secret:" in str(after):
        names = re.findall(r"\$\{secret:([a-z0-9-]+)\}", after)
        pattern = re.sub(_REFERENCE, "(.+)", re.escape(after))
        match = re.fullmatch(pattern, before, re.DOTALL)
        assert match is not None, (before, after)
        yield from zip(names, match.groups(), strict=True)


def comparable(request: Seen, lost: tuple[str, ...]) -> Seen:
    """Without what a request says about its sender and connection, and without what is named as not carried over."""
    told = {match[1].lower() for one in lost if (match := re.search(r"the header (\S+) is", one))}
    kept = tuple(
        (name.lower(), value.rstrip())
        for name, value in sorted(request.headers, key=lambda pair: pair[0].lower())
        if name.lower() not in _CONNECTION | told
        and not _OURS.fullmatch(name.lower())
        and not (name.lower() == "user-agent" and re.match(r"curl/|Wget/|chronos-gitops/", value))
    )
    method = request.method.upper() if any("capitals" in one for one in lost) else request.method
    # RFC 3986: the case of a percent-encoding means nothing, and what is not ASCII is sent as its bytes or so.
    path = re.sub(r"[^\x00-\x7f]", lambda match: f"%{ord(match[0]):02X}", request.path)
    path = re.sub(r"%[0-9a-f]{2}", lambda match: match[0].upper(), path)
    return Seen(method, path, kept, request.body)


EXPECTED = [
    *((line, [REDIRECTS] if line.startswith("wget") and "--max-redirect=0" not in line else []) for line in SAME),
    *LOST,
]


@pytest.mark.parametrize(("line", "lost"), EXPECTED, ids=[line for line, _ in EXPECTED])
def test_the_job_sends_what_the_program_sends(line: str, lost: list[str], server: EchoServer, tmp_path: Path) -> None:
    line = line.replace("BASE", f"http://{server.host}").replace("HOST", server.host)
    real = really_sent(line, server, tmp_path)
    ours, told = webhook_sent(line, server)
    assert list(told) == lost
    assert len(ours) == 1
    # A program that is challenged asks twice, and the second request is the one with the password.
    assert len(real) == (2 if "/challenge" in line else 1)
    assert comparable(ours[0], told) == comparable(real[-1], told)


@pytest.mark.parametrize(("line", "reason"), REFUSED, ids=[line for line, _ in REFUSED])
def test_what_no_job_can_send_is_refused_with_a_reason(line: str, reason: str, server: EchoServer) -> None:
    with pytest.raises(Unconvertible) as refused:
        webhook_sent(line.replace("BASE", f"http://{server.host}").replace("HOST", server.host), server)
    assert str(refused.value) == reason


def test_lines_enough() -> None:
    lines = [*SAME, *(line for line, _ in LOST), *(line for line, _ in REFUSED)]
    assert len(set(lines)) == len(lines) >= 150
