"""docs/how-to/verify-requests.md is true: its job runs, and its targets let it in and keep others out."""

import functools
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from harness.engine_harness import eventually
from harness.processes.subprocess_runner import Runner, run

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/verify-requests.md").read_text()
BLOCKS = {
    name: text for text, name in re.findall(r"^```\w+\n((?:#|//) (\S+)\n.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
}
NODE_MODULES = Path(sys.prefix) / "node" / "node_modules"
"""Where `make test` installs what tests/node names."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def served(folder: Path, port: int) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", port), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


TARGETS = {"python": (sys.executable, "target.py"), "javascript": ("node", "target.mjs")}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("words", TARGETS.values(), ids=TARGETS)
def test_the_target_of_the_page_lets_its_job_in_and_keeps_others_out(
    tmp_path: Path, data_folder: Path, words: Sequence[str]
) -> None:
    """Takes some seconds: a runner, a web server for the documents, and a target."""
    port, issuer_port = free_port(), free_port()
    repo, issuer = tmp_path / "repo", f"http://127.0.0.1:{issuer_port}"
    job = BLOCKS["jobs/billing/charge.yaml"].replace("9000", str(port))
    write(repo, "jobs/billing/charge.yaml", job)
    write(repo, "jobs/other/spy.yaml", job.replace("name: charge", "name: spy"))
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "Charge each morning"]):
        subprocess.run(["git", "-C", str(repo), *command], check=True)
    target = write(tmp_path, words[1], BLOCKS[words[1]])
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    assert run("identity", "key", "--out", "identity.pem", cwd=tmp_path).returncode == 0
    write(tmp_path, "chronos.toml", f'[identity]\nkey_files = ["identity.pem"]\nissuer = "{issuer}"\n')
    written = run("identity", "documents", "--config", "chronos.toml", "--out", "public", cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    environment = {**os.environ, "ISSUER": issuer, "AUDIENCE": f"http://127.0.0.1:{port}", "PORT": str(port)}
    process = subprocess.Popen([words[0], str(target)], env=environment, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: listens(port), 20)
        with (
            served(tmp_path / "public", issuer_port),
            Runner(str(repo), "--config", str(tmp_path / "chronos.toml"), data=data_folder) as runner,
        ):
            codes = {}
            for name in ("charge", "spy"):
                execution = runner.client.post(f"/jobs/{name}/trigger").json()["id"]
                row = runner.until(f"/executions/{execution}", lambda row: row["status"] in ("success", "failed"))
                codes[name] = row["status_code"]
            assert codes == {"charge": 200, "spy": 403}
            assert httpx.post(f"http://127.0.0.1:{port}/", trust_env=False).status_code == 401
    finally:
        process.terminate()
        process.wait(10)
