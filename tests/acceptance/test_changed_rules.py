"""Between two starts a government moves a zone: next runs follow the new rules, and nothing runs twice."""

import shutil
import subprocess
from pathlib import Path

import pytest
import tzdata
from harness.processes.subprocess_runner import Runner

from chronos_gitops.cli.demo.receiver import Receiver


@pytest.fixture
def new_rules(tmp_path: Path) -> Path:
    """A tzdata package in which Berlin keeps the time of Kathmandu."""
    folder = tmp_path / "lib"
    package = folder / "tzdata"
    shutil.copytree(Path(tzdata.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(package / "zoneinfo" / "Asia" / "Kathmandu", package / "zoneinfo" / "Europe" / "Berlin")
    code = package / "__init__.py"
    code.write_text(code.read_text().replace(tzdata.IANA_VERSION, "2099z"))
    return folder


@pytest.mark.timeout(60)
def test_next_runs_follow_and_nothing_is_repeated(tmp_path: Path, data_folder: Path, new_rules: Path) -> None:
    """Takes some seconds: two real runners, and real ticks of the second job."""
    repo = tmp_path / "repo"
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    (repo / "jobs").mkdir()
    with Receiver() as receiver:
        for name, schedule in (("daily-backup", "30 3 * * *"), ("every-second", "*/1 * * * * *")):
            (repo / "jobs" / f"{name}.yaml").write_text(
                f'name: {name}\nschedule: "{schedule}"\ntimezone: Europe/Berlin\nenabled: true\n'
                f"webhook:\n  url: {receiver.url()}\n"
            )
        with Runner(str(repo), data=data_folder) as runner:
            assert receiver.wait_for(2, 15)
            assert runner.client.get(f"{runner.address}/health").json()["tzdata"] == tzdata.IANA_VERSION
            before = runner.get("/jobs/daily-backup")["next_run"]
            assert runner.stop() == 0
        count = len(receiver.requests)
        with Runner(str(repo), data=data_folder, environ={"PYTHONPATH": str(new_rules)}) as runner:
            assert receiver.wait_for(count + 2, 15)
            assert runner.client.get(f"{runner.address}/health").json()["tzdata"] == "2099z"
            after = runner.get("/jobs/daily-backup")["next_run"]
            assert runner.get("/jobs/daily-backup/executions")["items"] == []
            changed = runner.until("/events?type=tzdata_changed", lambda page: page["items"], timeout=10)["items"]
            told = f"scheduled times now follow tzdata 2099z instead of {tzdata.IANA_VERSION}"
            assert [event["message"] for event in changed] == [told]
            assert runner.stop() == 0
        assert before.endswith((":30:00Z",))
        assert after.endswith("T21:45:00Z"), "03:30 in Kathmandu"
        sent = [request.header("X-Chronos-Scheduled-Time") for request in receiver.requests]
        assert len(sent) == len(set(sent))
