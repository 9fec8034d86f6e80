"""Two runners of the installed program on one engine: one of them is killed, or frozen."""

import os
import signal
from pathlib import Path
from typing import Any

import yaml
from harness.processes.replicas import Sink
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository


def repository(folder: Path, sink: Sink, **fields: Any) -> Path:
    """A bare repository with one job that is due by hand only."""
    checkout = Repository.init(folder / "checkout")
    document = {"name": "held", "schedule": "@yearly", "enabled": True, "webhook": {"url": sink.url("/hold")}, **fields}
    checkout.write("jobs/held.yaml", yaml.safe_dump(document))
    checkout.commit("A job")
    return checkout.bare(folder / "bare.git").root


class Pair:
    """Two runners; a third may take the place of a dead one, on its data folder."""

    def __init__(self, folder: Path, repository: Path, url: str) -> None:
        self._folder = folder
        self._repository = str(repository)
        # A password, though the server takes any: it must be nowhere.
        self._environ = {"CHRONOS_ENGINE": url.replace("postgres@", "postgres:hunter2@")}
        self.runners: list[Runner] = []

    def start(self, name: str, failpoint: str = "") -> Runner:
        environ = self._environ | {"CHRONOS_FAILPOINT": failpoint}
        runner = Runner(self._repository, data=self._folder / name, environ=environ)
        self.runners.append(runner)
        return runner

    def close(self) -> None:
        for runner in self.runners:
            if runner.process.poll() is None:
                os.kill(runner.process.pid, signal.SIGCONT)
                assert runner.stop() == 0
            runner.client.close()
        said = "".join(line for runner in self.runners for line in runner.lines)
        assert "hunter2" not in said
        assert "Traceback" not in said, said


def all_ended(runner: Runner, count: int) -> list[dict[str, Any]]:
    def holds(page: dict[str, Any]) -> bool:
        items = page["items"]
        return len(items) == count and all(item["status"] not in ("pending", "running") for item in items)

    return list(runner.until("/executions?limit=1000", holds, timeout=30)["items"])


def is_stopped(runner: Runner) -> bool:
    """Every thread of it; the state of a process is that of its first one."""
    tasks = Path(f"/proc/{runner.process.pid}/task").glob("*/stat")
    return all(task.read_text().rpartition(")")[2].split()[0] == "T" for task in tasks)
