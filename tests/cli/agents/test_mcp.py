"""The tools of ``mcp``, asked by the client of the official SDK, with a real runner and a token that may only read."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from harness.processes.subprocess_runner import PROGRAM, Runner, run
from harness.repositories.repository import Repository
from mcp import Client, StdioServerParameters

pytestmark = pytest.mark.timeout(200)
TOOLS = {
    *("list_jobs", "get_job", "list_executions", "get_execution", "explain_run", "job_history", "sync_status"),
    *("plan_change", "validate_jobs"),
}
JOB = """\
name: failing-report
schedule: "@yearly"
enabled: true
webhook: {url: "http://127.0.0.1:9/", method: POST}
retry_policy: {max_attempts: 1}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    found = Repository.init(tmp_path / "repository")
    found.write("jobs/failing-report.yaml", JOB)
    found.commit()
    return found


@pytest.fixture
def token(tmp_path: Path) -> str:
    """Of the role read; chronos.toml has another one that operates."""
    words = []
    lines = ""
    for role in ("read", "operate"):
        done = run("token", "create", "--name", role, "--role", role, cwd=tmp_path)
        words.append(done.stdout.splitlines()[0])
        lines += done.stdout.partition("\n")[2] + done.stderr
    (tmp_path / "operate").write_text(words[1])
    (tmp_path / "chronos.toml").write_text(lines)
    return words[0]


def ask(server: str, checkout: Path, token: str, *calls: tuple[str, dict[str, Any]]) -> tuple[Any, list[Any]]:
    """The tools, and the result of each call."""

    async def scene() -> tuple[Any, list[Any]]:
        arguments = [*PROGRAM[1:], "mcp", "--server", server, "--checkout", str(checkout)]
        started = StdioServerParameters(command=PROGRAM[0], args=arguments, env={"CHRONOS_TOKEN": token})
        async with Client(started, read_timeout_seconds=90) as client:
            tools = (await client.list_tools()).tools
            return tools, [await client.call_tool(name, given) for name, given in calls]

    return asyncio.run(scene())


def test_an_agent_reads_and_changes_nothing(repository: Repository, token: str, tmp_path: Path) -> None:
    config = ("--config", str(tmp_path / "chronos.toml"))
    with Runner(str(repository.root), *config, data=tmp_path / "data") as runner:
        operate = {"Authorization": f"Bearer {(tmp_path / 'operate').read_text()}"}
        started = runner.client.post("/jobs/failing-report/trigger", headers=operate)
        assert started.status_code == 202, started.text
        runner.client.headers["Authorization"] = f"Bearer {token}"
        id = started.json()["id"]
        runner.until(f"/executions/{id}", lambda found: found["status"] == "failed", timeout=60)
        executions = runner.get("/executions")
        head = repository.git("rev-parse", "HEAD")
        (repository.root / "jobs/failing-report.yaml").write_text(JOB.replace("@yearly", "@daily"))
        tools, found = ask(
            runner.address,
            repository.root,
            token,
            ("list_jobs", {}),
            ("get_execution", {"id": id}),
            ("list_executions", {"job": "failing-report", "status": "failed"}),
            ("explain_run", {"job": "failing-report", "at": "2026-01-01T00:00:00Z"}),
            ("job_history", {"name": "failing-report"}),
            ("plan_change", {}),
            ("validate_jobs", {}),
            ("get_job", {"name": "failing-reports"}),
            ("plan_change", {"base": "--exit-code"}),
        )
        assert {tool.name for tool in tools} == TOOLS
        assert all(tool.annotations.read_only_hint and tool.description for tool in tools)
        answers = [one.structured_content for one in found[:7]]
        assert [one.is_error for one in found] == [False] * 7 + [True, True]
        assert [job["name"] for job in answers[0]["items"]] == ["failing-report"]
        assert answers[1]["attempts"][0]["error_class"] == "connect"
        assert [one["id"] for one in answers[2]["items"]] == [id]
        assert answers[3]["message"]
        assert [one["change"] for one in answers[4]["items"]] == ["created"]
        assert answers[5]["summary"]["changed"] == 1
        assert (answers[6]["files"], [one for one in answers[6]["problems"] if one["severity"] == "error"]) == (1, [])
        assert "failing-report" in found[7].content[0].text  # did you mean
        assert runner.get("/executions") == executions
        assert repository.git("rev-parse", "HEAD") == head


def test_a_runner_that_is_away_is_an_error_of_the_tool(repository: Repository) -> None:
    _, (found,) = ask("http://127.0.0.1:9", repository.root, "x", ("sync_status", {}))
    assert found.is_error
    assert "no runner answers at http://127.0.0.1:9" in found.content[0].text


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "mcp.py").write_text("raise ModuleNotFoundError('no', name='mcp')\n")
    done = run("mcp", cwd=tmp_path)  # the folder is first where modules are looked for
    assert done.returncode == 2
    assert "pip install 'chronos-gitops[mcp]'" in done.stderr
