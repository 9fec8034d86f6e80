"""A runner that begins to refuse unbound secrets says so at its start, with the settings to paste."""

import subprocess
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
from harness.processes.subprocess_runner import PROGRAM, Runner
from harness.repositories.repository import Repository

TOKEN = f'[[tokens]]\nname = "ops"\nsha256 = "{sha256(b"chronos-test-token").hexdigest()}"\nroles = ["read"]\n'
JOB = """name: {name}
schedule: "0 2 1 1 *"
enabled: true
webhook: {{url: "{url}", headers: {{X-Key: "${{secret:{secret}}}"}}}}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository.init(tmp_path / "repo")
    made.write("jobs/billing/eu/charge.yaml", JOB.format(name="charge", url="http://127.0.0.1:1/x", secret="pay-key"))
    made.write("jobs/ops/chat.yaml", JOB.format(name="chat", url="${secret:chat-url}", secret="pay-key"))
    made.commit()
    return made


def start(repository: Repository, tmp_path: Path, settings: str) -> subprocess.CompletedProcess[str]:
    config = tmp_path / "chronos.toml"
    config.write_text(settings)
    command = [*PROGRAM, "run", str(repository.root), "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data")]
    return subprocess.run([*command, "--config", config], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("has_run_before", [False, True])
def test_a_start_with_tokens_ends_with_the_lines_to_paste(
    repository: Repository, tmp_path: Path, has_run_before: bool
) -> None:
    if has_run_before:
        with Runner(str(repository.root), data=tmp_path / "data") as runner:
            assert len(runner.client.get("/jobs").json()["items"]) == 2
    ended = start(repository, tmp_path, TOKEN)
    assert ended.returncode == 2, ended.stderr
    assert "jobs use 2 secrets without a binding" in ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith("secrets.bind.")]
    assert lines == [
        'secrets.bind.chat-url = { folders = ["jobs/ops"], origins = [] }  # fill in: an address is a secret',
        'secrets.bind.pay-key = { folders = ["jobs/billing", "jobs/ops"], origins = ["http://127.0.0.1:1"] }'
        "  # fill in: an address is a secret",
    ]
    assert set(tomllib.loads("\n".join(lines))["secrets"]["bind"]) == {"chat-url", "pay-key"}


@pytest.mark.parametrize(
    "settings", ['secrets.unbound = "refuse"\n' + TOKEN, 'secrets.unbound = "anywhere"\n' + TOKEN, ""]
)
def test_a_start_goes_on_where_the_operator_has_decided_or_there_are_no_callers(
    repository: Repository, tmp_path: Path, settings: str
) -> None:
    config = tmp_path / "chronos.toml"
    config.write_text(settings)
    with Runner(str(repository.root), "--config", str(config), data=tmp_path / "data") as runner:
        assert runner.process.poll() is None


def test_a_first_job_set_that_arrives_after_the_start_is_judged_as_well(repository: Repository, tmp_path: Path) -> None:
    config = tmp_path / "chronos.toml"
    config.write_text(TOKEN)
    source = (str(repository.root), "--follow", "branch", "--branch", "later", "--config", str(config))
    with Runner(*source, data=tmp_path / "data") as runner:
        assert any("is not ready" in line for line in runner.lines)
        repository.git("branch", "later")
        assert runner.wait() == 2
        assert "jobs use 2 secrets without a binding" in "\n".join(runner.lines)


def test_a_later_commit_with_an_unbound_secret_ends_no_runner(tmp_path: Path) -> None:
    made = Repository.init(tmp_path / "repo")
    made.write("jobs/README.md", "no jobs yet")
    made.commit()
    config = tmp_path / "chronos.toml"
    config.write_text(TOKEN)
    with Runner(str(made.root), "--config", str(config), "--follow", "branch", data=tmp_path / "data") as runner:
        made.write("jobs/a/chat.yaml", JOB.format(name="chat", url="http://127.0.0.1:1/x", secret="pay-key"))
        made.commit()
        runner.client.headers["Authorization"] = "Bearer chronos-test-token"
        found = runner.until("/sync", lambda sync: sync["problems"])
        assert "secret-unbound" in {problem["rule"] for problem in found["problems"]}
        assert runner.process.poll() is None
