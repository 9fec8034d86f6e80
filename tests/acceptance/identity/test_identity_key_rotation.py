"""A key of identity tokens is replaced as docs/how-to/verify-requests.md says, and no receiver refuses a token.

A receiver keeps keys for hours, and a token lives for minutes: so what is signed in one step has to verify with the
keys that were published in the step before, in the same and in the next one. Judged by the targets of that page (PyJWT,
npm's jose, Go), each in a process of its own, and by joserfc.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness.processes.subprocess_runner import Runner, run
from harness.programs.identity.targets import BLOCKS, LANGUAGES, prepare, started
from harness.programs.tools import free_port
from harness.repositories.repository import Repository
from harness.serving import serving
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

STEPS = (("old",), ("old", "new"), ("new", "old"), ("new",))
"""`identity.key_files` before the replacement, and after each step of it."""


class Site(ThreadingHTTPServer):
    """Serves ``document`` to who asks for keys, and keeps the tokens that the job sends."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.document: Any = None
        self.tokens: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(json.dumps(self.server.document).encode())  # type: ignore[attr-defined]  # it is a Site

    def do_POST(self) -> None:
        token = self.headers["Authorization"].removeprefix("Bearer ")
        self.server.tokens.append(token)  # type: ignore[attr-defined]  # it is a Site
        self._answer(b"")

    def _answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site()) as server:
        yield server


def run_each_step(folder: Path, data: Path, site: Site) -> list[Any]:
    """The keys that the runner publishes in each step; each step sends one token."""
    address = f"http://127.0.0.1:{site.server_port}"
    repository = Repository.init(folder / "checkout")
    repository.write(
        "jobs/billing/charge.yaml", BLOCKS["jobs/billing/charge.yaml"].replace(":9000", f":{site.server_port}")
    )
    repository.commit("Charge each morning")
    for name in ("old", "new"):
        assert run("identity", "key", "--out", f"{name}.pem", cwd=folder).returncode == 0
    published = []
    for names in STEPS:
        files = json.dumps([f"{name}.pem" for name in names])
        (folder / "chronos.toml").write_text(f'[identity]\nkey_files = {files}\nissuer = "{address}"\n')
        with Runner(str(repository.root), "--config", str(folder / "chronos.toml"), data=data) as runner:
            execution = runner.client.post("/jobs/charge/trigger").json()["id"]
            row = runner.until(f"/executions/{execution}", lambda row: row["status"] in ("success", "failed"))
            assert row["status"] == "success", row
            published.append(httpx.get(f"{runner.address}/.well-known/jwks.json", trust_env=False).json())
    return published


def verified_by_joserfc(document: Any, token: str, issuer: str) -> bool:
    try:
        claims = jwt.decode(token, KeySet.import_key_set(document), algorithms=["RS256"]).claims
    except (JoseError, ValueError):
        return False
    rules = jwt.JWTClaimsRegistry(iss={"essential": True, "value": issuer}, aud={"essential": True, "value": issuer})
    rules.validate(claims)
    return True


@pytest.mark.timeout(700)  # Go compiles for half a minute where its cache is empty
def test_no_receiver_refuses_a_token_while_a_key_is_replaced(tmp_path: Path, data_folder: Path, site: Site) -> None:
    words = {language: prepare(language, tmp_path) for language in LANGUAGES}
    issuer, began = f"http://127.0.0.1:{site.server_port}", time.monotonic()
    published = run_each_step(tmp_path, data_folder, site)
    assert [len(each["keys"]) for each in published] == [1, 2, 2, 1]
    assert len(site.tokens) == len(STEPS)
    cells, wrong = 0, []
    for had, document in enumerate(published):
        site.document = document
        with ExitStack() as stack:
            ports = {language: free_port() for language in LANGUAGES}
            for language, port in ports.items():
                stack.enter_context(started(words[language], issuer=issuer, audience=issuer, port=port))
            for signed, token in enumerate(site.tokens):
                wanted = STEPS[signed][0] in STEPS[had]
                assert wanted or abs(signed - had) > 1, "the steps of the page would refuse a good token"
                taken = {language: asked(port, token) for language, port in ports.items()}
                taken["joserfc"] = 200 if verified_by_joserfc(document, token, issuer) else 401
                cells += len(taken)
                wrong += [(had, signed, who, code) for who, code in taken.items() if code != (200 if wanted else 401)]
    assert time.monotonic() - began < 330, "the machine is so slow that the tokens ran out; the verdicts say nothing"
    print(f"key replaced: {cells} cells of keys, token and receiver, wrong {len(wrong)}")
    assert wrong == []
    assert cells == 64


def asked(port: int, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.post(f"http://127.0.0.1:{port}/", headers=headers, trust_env=False, timeout=20).status_code
