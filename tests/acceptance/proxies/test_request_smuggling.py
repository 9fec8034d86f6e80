"""Requests that a proxy and a runner could read differently: none becomes two requests, or another caller's."""

import socket
import ssl
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest
from harness.processes.proxied_runner import PROXIES, ProxiedRunner, configuration, start
from harness.servers import Certificates

SECRET = "the secret"
SETTINGS = """
[proxy]
trusted = ["127.0.0.1"]
user_header = "X-Forwarded-User"
secret_file = "{secret}"
[[grants]]
from = "proxy"
match = {{ user = "ada" }}
roles = ["read", "operate"]
"""
NAMES_NOBODY = {
    "nginx": 'proxy_set_header X-Forwarded-User ""; proxy_set_header X-Chronos-Proxy-Secret "the secret"; proxy_pass',
    "caddy": ':8080 {\n header_up -X-Forwarded-User\n header_up X-Chronos-Proxy-Secret "the secret"\n}',
}
"""The proxy shows its secret with each request, and has let nobody in."""
INNER = (
    b"POST /chronos/api/v1/jobs/one/pause HTTP/1.1\r\nHost: HOST\r\nX-Forwarded-User: ada\r\n"
    b"X-Chronos-Proxy-Secret: the secret\r\nOrigin: https://HOST\r\n"
    b"Content-Type: application/json\r\nContent-Length: 16\r\n\r\n" + b'{"reason":"own"}'
)
_SIZE = b"%x" % len(INNER)
_POST = b"POST /chronos/api/v1/validate HTTP/1.1\r\nHost: HOST\r\n"
_GET = b"GET /chronos/api/v1/whoami HTTP/1.1\r\nHost: HOST\r\n"
SMUGGLED = {
    "length and chunks": _POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
    "chunks and length": _POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + INNER,
    "two lengths": _POST + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(INNER) + INNER,
    "a list of lengths": _POST + b"Content-Length: 0, %d\r\n\r\n" % len(INNER) + INNER,
    "a signed length": _POST + b"Content-Length: +0\r\n\r\n" + INNER,
    "a length with a blank": _POST + b"Content-Length : 0\r\n\r\n" + INNER,
    "an unknown coding": _POST + b"Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n" + INNER,
    "two codings": _POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + INNER,
    "a coding after a tab": _POST + b"Transfer-Encoding:\tchunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n" + INNER,
    "a coding with a blank before": _POST
    + b"Transfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n"
    + INNER,
    "a folded coding": _POST + b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n" + INNER,
    "a coding in a vertical tab": _POST
    + b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n"
    + INNER,
    "a size with a sign": _POST + b"Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n" + INNER,
    "a size with a prefix": _POST + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + INNER,
    "a size with an underscore": _POST + b"Transfer-Encoding: chunked\r\n\r\n0_0\r\n\r\n" + INNER,
    "chunks that end in LF": _POST + b"Transfer-Encoding: chunked\r\n\r\n0\n\n" + INNER,
    "an extension with LF": _POST + b"Transfer-Encoding: chunked\r\n\r\n2;a\nxx\r\n" + _SIZE + b"\r\n0\r\n\r\n" + INNER,
    "trailers": _POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Forwarded-User: ada\r\n\r\n",
    "a body of GET": _GET + b"Content-Length: %d\r\n\r\n" % len(INNER) + INNER,
    "an upgrade": _GET
    + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n"
    + INNER,
    "HTTP 0.9": b"GET /chronos/api/v1/whoami\r\n" + INNER,
    "HTTP 1.0 with chunks": _POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
    "a request line with a CR": b"GET /chronos/version\rX-Forwarded-User: ada HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "an expectation": _POST + b"Expect: 100-continue\r\nContent-Length: 0\r\n\r\n" + INNER,
}
NAMED = {
    "a blank before the colon": b"X-Forwarded-User : ada",
    "an underscore": b"X_Forwarded_User: ada",
    "a folded line": b"X-Note: x\r\n X-Forwarded-User: ada",
    "a NUL": b"X-Forwarded-User\0: ada",
    "a bare LF": b"X-Note: x\nX-Forwarded-User: ada",
    "a bare CR": b"X-Note: x\rX-Forwarded-User: ada",
    "twice": b"X-Forwarded-User: ada\r\nX-Forwarded-User: ada",
    "hop by hop": b"Connection: X-Chronos-Proxy-Secret, X-Forwarded-User\r\nX-Forwarded-User: ada",
    "small letters": b"x-forwarded-user: ada",
    "a soft hyphen": b"X-Forwarded\xad-User: ada",
}


@pytest.fixture(scope="module", params=PROXIES)
def proxied(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _guarded_environment: None
) -> Iterator[ProxiedRunner]:
    folder = tmp_path_factory.mktemp("smuggling")
    (folder / "secret").write_text(f"{SECRET}\n")
    lines, more = configuration("deploy.md", request.param), NAMES_NOBODY[request.param]
    lines = lines.replace("proxy_pass" if request.param == "nginx" else ":8080", more)
    with ExitStack() as stack:
        settings = SETTINGS.format(secret=folder / "secret")
        yield start(stack, folder, Certificates.make(folder), request.param, lines, settings)


def told(proxied: ProxiedRunner, content: bytes, *, past: bool = False) -> bytes:
    """The answers to these bytes, through the proxy or past it, until the other side closes or says no more for 1 s."""
    port = urlsplit(proxied.runner.address).port if past else proxied.port
    assert port is not None
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with ExitStack() as stack:
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
        if not past:
            connection = stack.enter_context(context.wrap_socket(connection))
        connection.sendall(content.replace(b"HOST", f"127.0.0.1:{port}".encode()))
        connection.settimeout(1)
        found = b""
        with suppress(OSError):
            while part := connection.recv(65536):
                found += part
    return found


def is_sound(proxied: ProxiedRunner) -> bool:
    """Each answer is that to its own request, on connections that the proxy keeps; and nothing was done for ada."""
    for _ in range(4):
        sent = str(uuid.uuid4())
        if proxied.browser.get("livez", headers={"X-Request-ID": sent}).headers["X-Request-ID"] != sent:
            return False
    ada = {"X-Forwarded-User": "ada", "X-Chronos-Proxy-Secret": SECRET}
    job = proxied.runner.client.get("/jobs/one", headers=ada).json()
    return job["paused"] is None if "paused" in job else not job.get("pause")


@pytest.mark.parametrize("name", SMUGGLED)
def test_a_smuggled_request_is_nobodys(proxied: ProxiedRunner, name: str) -> None:
    """Past the proxy the inner request would be let in, so an answer 200 says that it was read as a request."""
    answer = told(proxied, SMUGGLED[name])
    assert b'"paused"' not in answer, answer
    assert b'"name":"ada"' not in answer, answer
    assert is_sound(proxied)


@pytest.mark.parametrize("name", NAMED)
def test_no_spelling_of_the_header_names_a_caller(proxied: ProxiedRunner, name: str) -> None:
    answer = told(proxied, _GET + NAMED[name] + b"\r\nConnection: close\r\n\r\n")
    assert b'"name":"ada"' not in answer, answer
    spelt = NAMED[name] + b"\r\nX-Chronos-Proxy-Secret: the secret"
    past = told(proxied, _GET + spelt + b"\r\nConnection: close\r\n\r\n", past=True)
    assert (b'"name":"ada"' in past) == (name in ("small letters", "hop by hop")), past
