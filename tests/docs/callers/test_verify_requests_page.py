"""docs/how-to/verify-requests.md is true: its job runs, and its targets let it in and keep others out."""

import functools
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from harness.processes.subprocess_runner import Runner, run
from harness.programs.identity.targets import BLOCKS, LANGUAGES, prepare, started
from harness.programs.tools import free_port
from harness.serving import serving


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def served(folder: Path, port: int) -> Iterator[None]:
    with serving(ThreadingHTTPServer(("127.0.0.1", port), functools.partial(Quiet, directory=str(folder)))):
        yield


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.mark.timeout(700)  # Go compiles for half a minute where its cache is empty
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_target_of_the_page_lets_its_job_in_and_keeps_others_out(
    tmp_path: Path, data_folder: Path, language: str
) -> None:
    """Takes some seconds: a runner, a web server for the documents, and a target."""
    port, issuer_port = free_port(), free_port()
    repo, issuer = tmp_path / "repo", f"http://127.0.0.1:{issuer_port}"
    job = BLOCKS["jobs/billing/charge.yaml"].replace("9000", str(port))
    write(repo, "jobs/billing/charge.yaml", job)
    write(repo, "jobs/other/spy.yaml", job.replace("name: charge", "name: spy"))
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "Charge each morning"]):
        subprocess.run(["git", "-C", str(repo), *command], check=True)
    assert run("identity", "key", "--out", "identity.pem", cwd=tmp_path).returncode == 0
    write(tmp_path, "chronos.toml", f'[identity]\nkey_files = ["identity.pem"]\nissuer = "{issuer}"\n')
    written = run("identity", "documents", "--config", "chronos.toml", "--out", "public", cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    with (
        started(prepare(language, tmp_path), issuer=issuer, audience=f"http://127.0.0.1:{port}", port=port),
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
