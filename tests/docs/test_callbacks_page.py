"""docs/how-to/wait-for-callbacks.md is true: its job and its target run as they stand there."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from harness.engine_harness import eventually
from harness.processes.subprocess_runner import Runner
from harness.programs.tools import free_port

PAGE = (Path(__file__).parents[2] / "docs/how-to/wait-for-callbacks.md").read_text()
BLOCKS = {name: text for text, name in re.findall(r"^```\w+\n(# (\S+)\n.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)}


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.timeout(90)
def test_the_job_runs_until_the_target_of_the_page_calls_back(tmp_path: Path, data_folder: Path) -> None:
    """Takes some seconds: two programs, and two tables of a second each."""
    port = free_port()
    repo = tmp_path / "repo"
    for name, text in BLOCKS.items():
        file = repo / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("9000", str(port)))
    subprocess.run(["git", "init", "-q", str(repo)], check=True)
    target = subprocess.Popen([sys.executable, str(repo / "target.py")], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: listens(port), 20)
        with Runner(str(repo), data=data_folder) as runner:
            execution = runner.client.post("/jobs/nightly-report/trigger").json()["id"]
            path = f"/executions/{execution}"
            waiting = runner.until(path, lambda row: row["waiting_for"] == "callback" and row["message"])
            assert waiting["message"].startswith("at ")
            ended = runner.until(path, lambda row: row["status"] == "success")
            assert (ended["message"], ended["status_code"], ended["duration_ms"] > 1500) == ("2 tables", 202, True)
    finally:
        target.terminate()
        target.wait(10)
