"""A real OpenID provider (npm's oidc-provider, certified) on loopback, over TLS; see tests/node/openid_provider.mjs."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from harness.programs.tools import free_port
from harness.servers import Certificates

NODE = Path(sys.prefix) / "node"
SCRIPT = Path(__file__).parents[3] / "node" / "openid_provider.mjs"
CLIENT, SECRET = "chronos", "a secret + of/the client"


class OpenIdProvider:
    """Lets everybody in who comes back to ``redirect_uri``. Each start has new keys."""

    def __init__(
        self,
        certificates: Certificates,
        redirect_uri: str,
        *,
        port: int | None = None,
        client_secret: str = SECRET,
        algorithm: str = "RS256",
    ) -> None:
        assert (NODE / "node_modules/oidc-provider").is_dir(), (
            "npm's oidc-provider is not there: make .venv/.node-tools"
        )
        self._folder = tempfile.TemporaryDirectory(prefix="chronos-openid-")
        folder = Path(self._folder.name)
        shutil.copy(SCRIPT, folder)
        (folder / "node_modules").symlink_to(NODE / "node_modules")
        certificate, key = certificates.sign("openid")
        self.port = port or free_port()
        self.issuer = f"https://127.0.0.1:{self.port}"
        self._process = subprocess.Popen(
            [
                "node",
                SCRIPT.name,
                *map(str, (self.port, certificate, key, CLIENT, client_secret, redirect_uri, algorithm)),
            ],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said == "ready\n", f"the provider did not start: {said}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._folder.cleanup()

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)


def log_in(browser: httpx.Client, page: str, user: str) -> httpx.Response:
    """The steps of a person in the provider's pages: name and password, then consent; the answer of the callback."""
    answer = browser.get(page)
    for _ in range(20):
        if answer.is_redirect:
            place = answer.next_request
            assert place is not None
            answer = browser.send(place)
            if "/callback?" in str(place.url):
                return answer
            continue
        form = re.search(r'action="([^"]+)"', answer.text)
        prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
        assert form is not None, answer.text
        assert prompt is not None, answer.text
        fields = {"prompt": prompt[1], "login": user, "password": "any"}
        answer = browser.post(httpx.URL(str(answer.url)).join(form[1]), data=fields)
    raise AssertionError("the login does not end")
