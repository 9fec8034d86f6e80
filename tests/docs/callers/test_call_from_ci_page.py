"""docs/how-to/call-from-ci.md is true: its pipelines trigger their job, and those of other repositories do not."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository
from harness.serving import serving
from joserfc import jwt
from joserfc.jwk import RSAKey

from chronos_gitops.cli.demo.receiver import Receiver

PAGE = (Path(__file__).parents[3] / "docs/how-to/call-from-ci.md").read_text()
BLOCKS = dict(re.findall(r"^```\w+\n# (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
PUBLIC = "https://chronos.example.com"
KEY = RSAKey.generate_key(2048, {"kid": "a"})
ISSUERS = {"github": "https://token.actions.githubusercontent.com", "gitlab": "https://gitlab.com"}
CLAIMS = {
    "github": {"repository_id": "74", "environment": "production", "sub": "repo:acme/ops:environment:production"},
    "gitlab": {"project_id": "22", "ref_protected": "true", "sub": "project_path:acme/ops:ref_type:branch:ref:main"},
}
"""As the documentation of the CI systems has them (OpenID Connect reference; ID token authentication)."""
OTHER = {"github": {"repository_id": "741"}, "gitlab": {"ref_protected": "false"}}


def signed(forge: str, audience: str, **claims: str) -> str:
    now = int(time.time())
    times = {"iss": ISSUERS[forge], "aud": audience, "iat": now, "nbf": now - 5, "exp": now + 1800}
    return jwt.encode({"alg": "RS256", "kid": "a"}, CLAIMS[forge] | claims | times, KEY)


class TokenService(BaseHTTPRequestHandler):
    """The service at ACTIONS_ID_TOKEN_REQUEST_URL, which GitHub gives a job of Actions."""

    claims: dict[str, str]

    def do_GET(self) -> None:
        assert self.headers["Authorization"] == "bearer of the job"
        (audience,) = parse_qs(urlsplit(self.path).query)["audience"]
        content = json.dumps({"value": signed("github", PUBLIC, **self.claims), "count": 1, "audience": audience})
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def token_service() -> Iterator[type[TokenService]]:
    kind: type[TokenService] = type("Service", (TokenService,), {"claims": {}})
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), kind)) as server:
        kind.address = f"http://127.0.0.1:{server.server_port}/token?api-version=2.0"  # type: ignore[attr-defined]
        yield kind


@pytest.fixture
def runner(tmp_path: Path, data_folder: Path) -> Iterator[Runner]:
    repository = Repository.init(tmp_path / "checkout")
    with Receiver() as receiver:
        text = f"name: charge\nschedule: '0 7 * * *'\nwebhook:\n  url: {receiver.url()}\n"
        repository.write("jobs/billing/charge.yaml", text)
        repository.commit("Charge each morning")
        (tmp_path / "jwks.json").write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
        settings = BLOCKS["chronos.toml"].replace('\naudience = "', '\njwks_file = "jwks.json"\naudience = "')
        (tmp_path / "chronos.toml").write_text(settings)
        with Runner(str(repository.root), "--config", str(tmp_path / "chronos.toml"), data=data_folder) as started:
            yield started


def script_of(forge: str) -> str:
    """The commands of the pipeline but for the installation."""
    if forge == "github":
        (job,) = yaml.safe_load(BLOCKS[".github/workflows/charge.yaml"])["jobs"].values()
        return "\n".join(step["run"] for step in job["steps"][1:])
    (job,) = yaml.safe_load(BLOCKS[".gitlab-ci.yml"]).values()
    return "\n".join(job["script"][1:])


def run_pipeline(
    forge: str, runner: Runner, service: type[TokenService], **claims: str
) -> subprocess.CompletedProcess[str]:
    service.claims = claims
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ: dict[str, Any] = {**os.environ, "PATH": path, "CHRONOS_SERVER": runner.address}
    if forge == "github":
        environ |= {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of the job", "ACTIONS_ID_TOKEN_REQUEST_URL": service.address}  # type: ignore[attr-defined]
    else:
        environ["CHRONOS_TOKEN"] = signed(forge, PUBLIC, **claims)
    command = ["bash", "-e", "-o", "pipefail", "-c", script_of(forge)]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=90, check=False)


@pytest.mark.parametrize("forge", ISSUERS)
def test_a_pipeline_triggers_its_job_and_another_repository_does_not(
    runner: Runner, token_service: type[TokenService], forge: str
) -> None:
    done = run_pipeline(forge, runner, token_service)
    assert done.returncode == 0, done.stderr
    refused = run_pipeline(forge, runner, token_service, **OTHER[forge])
    assert refused.returncode != 0
    assert f"{CLAIMS[forge]['sub']} has no grant here." in refused.stdout + refused.stderr
    reader = {"Authorization": f"Bearer {signed(forge, PUBLIC)}"}
    entries = runner.client.get("/audit", headers=reader).json()["items"]
    assert [(one["action"], one["by"], one["via"], one["status"]) for one in entries] == [
        ("trigger", "anonymous", "none", 403),
        ("trigger", CLAIMS[forge]["sub"], forge, 202),
    ]
    assert CLAIMS[forge]["sub"] in entries[0]["detail"]
    runs = runner.client.get("/executions", headers=reader).json()["items"]
    assert [(one["job"], one["status"]) for one in runs] == [("charge", "success")]


def test_a_token_that_is_good_for_too_long_is_refused_as_the_page_says(runner: Runner) -> None:
    now = int(time.time())
    long = jwt.encode(
        {"alg": "RS256", "kid": "a"},
        CLAIMS["gitlab"] | {"iss": ISSUERS["gitlab"], "aud": PUBLIC, "iat": now, "exp": now + 7200},
        KEY,
    )
    for token, said in ((long, "good for more than an hour"), (signed("gitlab", "x"), "for another audience")):
        answer = runner.client.get("/jobs", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, said in answer.text) == (401, True)
        assert said in PAGE
