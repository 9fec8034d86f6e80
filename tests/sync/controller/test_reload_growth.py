"""A reload costs what changed: no function is called for each of the jobs that stay as they are."""

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from harness.repositories.repo_fixtures import Following
from harness.repositories.repository import Repository, job_text

from chronos_gitops.git import tree

FEW, MANY = 60, 240
FOLDERS = 5
MORE_CALLS_PER_JOB = {"branch": 0.1, "worktree": 3.1}
"""A look at files on disk asks for the status of each."""
BESIDE = {
    "jobs/_defaults.yaml": "timeout: 30s\nskip: [fr]\n",
    "jobs/team-1/_defaults.yaml": "tags: {team: one}\nenvironments: {staging: {tags: null}}\n",
    "jobs/_environments/production.yaml": "",
    "jobs/_environments/staging.yaml": "timeout: 10s\n",
    "jobs/_calendars/fr.yaml": "closed: [2026-05-01]\n",
    "jobs/_calendars/freeze.yaml": "timezone: UTC\nclosed: [2026-06-01]\napplies_to: {tags: {team: two}}\n",
    "jobs/_policies/slow.yaml": "rules: [{id: slow, match: {timeout: '*'}}]\n",
    "jobs/.chronosignore": "drafts/\n",
    "jobs/team-0/broken.yaml": "name: broken\nschedule: never\nwebhook: {url: 'https://a.example.com'}\n",
    "jobs/team-0/nameless.yaml": "schedule: [\n",
}
"""Layers, calendars, a freeze, a policy, ignored files and two that are quarantined."""


def path_of(number: int) -> str:
    return f"jobs/team-{number % FOLDERS}/job-{number}.yaml"


def calls(following: Following) -> int:
    """The number of Python functions that a pass calls."""
    found = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal found
        found += event == "call"

    sys.setprofile(count)
    try:
        following.follower.sync()
    finally:
        sys.setprofile(None)
    return found


def calls_of_an_edit(repository: Repository, data: Path, mode: str, number: int, beside: dict[str, str]) -> int:
    for one in range(number):
        repository.write(path_of(one), job_text(f"job-{one}"))
    for path, text in beside.items():
        repository.write(path, text)
    repository.commit()
    following = Following(repository.root, data, mode=mode, environment="staging" if beside else None)
    try:
        following.follower.sync()
        found = []
        for tick in range(3):
            repository.write(path_of(7), job_text("job-7", schedule=f"{tick} 3 * * *"))
            if mode == "branch":
                repository.commit()
            found.append(calls(following))
            status = following.follower.status()
            assert status.state in ("synced", "degraded"), (status.reason, status.message)
            assert f"{tick} 3 * * *" in following.schedule("job-7")
        return min(found[1:])
    finally:
        following.follower.source.close()  # it was never started: no thread makes a pass that is not counted


@pytest.mark.parametrize("mode", ["branch", "worktree"])
@pytest.mark.parametrize("beside", [{}, BESIDE], ids=["jobs alone", "with all other files"])
def test_an_edit_of_one_job_calls_nothing_for_each_other_job(
    mode: str, beside: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "_RACY_NS", -(10**15))  # files that were written just now are read again at each look
    few, many = (
        calls_of_an_edit(Repository.init(tmp_path / f"repository-{n}"), tmp_path / f"data-{n}", mode, n, beside)
        for n in (FEW, MANY)
    )
    assert many - few < MORE_CALLS_PER_JOB[mode] * (MANY - FEW)
