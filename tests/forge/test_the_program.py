"""The installed program reports to a forge: where a commit stands, on one runner and on two that share a database."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness.processes.subprocess_runner import Runner
from harness.programs.fake_forge import REPOSITORY, TOKEN, FakeForge
from harness.repositories.repository import Repository

from chronos_gitops.cli.demo.receiver import Receiver


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    found = Repository.init(tmp_path / "repo")
    found.write_job("backup")
    found.commit("A job")
    return found


def environ(forge: FakeForge, folder: Path) -> dict[str, str]:
    (folder / "token").write_text(TOKEN)
    return {
        "CHRONOS_FORGE_TYPE": forge.kind,
        "CHRONOS_FORGE_URL": forge.url,
        "CHRONOS_FORGE_REPOSITORY": REPOSITORY[forge.kind],
        "CHRONOS_FORGE_TOKEN_FILE": str(folder / "token"),
        "CHRONOS_PUBLIC_URL": "https://ops.example.com/chronos",
    }


def wait_for_status(forge: FakeForge, commit: str, state: str, begin: str, end: str = "") -> None:
    def is_there(one: FakeForge) -> bool:
        newest = next((status for status in reversed(one.statuses) if status["sha"] == commit), None)
        return (
            newest is not None
            and newest["state"] == state
            and newest["description"].startswith(begin)
            and newest["description"].endswith(end)
        )

    forge.wait_for(is_there)


@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])
def test_a_commit_shows_that_it_is_applied_or_why_not(
    stack: ExitStack, repository: Repository, tmp_path: Path, kind: str
) -> None:
    forge = stack.enter_context(FakeForge(kind))
    runner = stack.enter_context(Runner(str(repository.root), data=tmp_path / "data", environ=environ(forge, tmp_path)))
    first = repository.head()
    wait_for_status(forge, first, "success", "applied ", "on 1 of 1 runner, 1 job")
    repository.write("jobs/bad.yaml", "name: bad\nscedule: hunter2\n")
    wait_for_status(forge, repository.commit("A typo"), "failure", "jobs/bad.yaml:")
    repository.remove("jobs/bad.yaml")
    third = repository.commit("Without it")
    wait_for_status(forge, third, "success", "applied ", "on 1 of 1 runner, 1 job")
    assert {status["target_url"] for status in forge.statuses} == {"https://ops.example.com/chronos/changes"}
    assert all("hunter2" not in status["description"] for status in forge.statuses)
    assert forge.faults == []
    assert "forge" not in runner.client.get(f"{runner.address}/readyz?verbose").text
    assert runner.stop() == 0
    assert TOKEN not in "".join(runner.lines)


def test_no_job_waits_for_a_forge_that_is_away(stack: ExitStack, repository: Repository, tmp_path: Path) -> None:
    receiver = stack.enter_context(Receiver())
    forge = FakeForge("github")
    given = environ(forge, tmp_path)
    forge.__enter__().__exit__()
    repository.write("jobs/each.yaml", f"name: each\nschedule: '* * * * *'\nwebhook:\n  url: {receiver.url()}\n")
    repository.commit("Another job")
    runner = stack.enter_context(Runner(str(repository.root), data=tmp_path / "data", environ=given))
    assert runner.client.post("/jobs/each/trigger").status_code == 202
    runner.until("/executions?job=each", lambda page: page["items"][0]["status"] == "success")
    verbose = f"{runner.address}/readyz?verbose"
    runner.until("/sync", lambda _: "forge warn: no connection" in runner.client.get(verbose).text)
    assert runner.client.get(f"{runner.address}/readyz").status_code == 200
    assert 'chronos_forge_statuses_total{result="failed"}' in runner.client.get(f"{runner.address}/metrics").text


def test_one_of_two_runners_reports_for_both(
    stack: ExitStack, repository: Repository, tmp_path: Path, postgres_url: str
) -> None:
    forge = stack.enter_context(FakeForge("github"))
    given = environ(forge, tmp_path) | {"CHRONOS_ENGINE": postgres_url}
    runners = [
        stack.enter_context(Runner(str(repository.root), data=tmp_path / name, environ=given)) for name in ("a", "b")
    ]
    wait_for_status(forge, repository.head(), "success", "applied ", "on 2 of 2 runners, 1 job")
    repository.write_job("report")
    second = repository.commit("A second job")
    wait_for_status(forge, second, "success", "applied ", "on 2 of 2 runners, 2 jobs")
    reports = [one["description"] for one in forge.statuses if one["sha"] == second]
    times = {one.split()[1] for one in reports if one.startswith("applied")}
    assert len(times) == 1, "two runners report"
    runners[0].kill()
    wait_for_status(forge, second, "success", "applied ", "on 1 of 1 runner, 2 jobs")
    repository.write_job("third")
    wait_for_status(forge, repository.commit("A third job"), "success", "applied ", "on 1 of 1 runner, 3 jobs")
    assert forge.faults == []


@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])
def test_a_rollback_of_a_protected_branch_opens_a_request_with_the_plan(
    stack: ExitStack, repository: Repository, tmp_path: Path, kind: str
) -> None:
    forge = stack.enter_context(FakeForge(kind))
    repository.write_job("backup", schedule="30 3 * * *")
    repository.commit("Later")
    server = repository.bare(tmp_path / "bare.git")
    server.hook("update", '[ "$1" != refs/heads/main ] || { echo "main is protected" >&2; exit 1; }')
    given = environ(forge, tmp_path) | {"CHRONOS_INTERVAL": "1s"}
    runner = stack.enter_context(Runner(str(server.root), data=tmp_path / "data", environ=given))
    done = runner.client.post("/jobs/backup/rollback/1", json={"reason": "```\n@acme/all it failed"})
    assert done.status_code == 202
    found = done.json()
    assert found["request"] == {"number": 1, "url": "https://forge.example.com/acme/jobs/pull/1"}
    (request,) = forge.requests
    assert request["branches"] == (found["branch"], "main")
    text = request["description" if kind == "gitlab" else "body"]
    assert "1 to change" in text
    assert "<code>&quot;30 3" in text or "30 3 &#42; &#42; &#42;" in text
    assert "Chronos-Reason: ``` @acme/all it failed" in text
    assert runner.client.post("/jobs/backup/rollback/1", json={}).json()["request"] == found["request"]
    forge.__exit__()
    away = runner.client.post("/jobs/backup/rollback/1", json={}).json()
    assert away["request"] is None
    entries = runner.client.get("/audit").json()["items"]
    assert [entry["review"] for entry in entries] == [found["branch"], *[found["request"]["url"]] * 2]
    assert away["request_error"].startswith("no connection to 127.0.0.1")
    server.git("update-ref", "refs/heads/main", f"refs/heads/{found['branch']}")
    runner.until("/jobs/backup", lambda job: job["schedule"] == "0 2 * * *")
