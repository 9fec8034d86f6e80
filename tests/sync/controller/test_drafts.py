"""Which executions are drafts: by effective content and path against HEAD, not by the text of files."""

from collections.abc import Callable
from typing import Any

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository

MINE = "name: mine\nschedule: '0 2 * * *'\nwebhook:\n  url: https://hooks.example.com/mine\n"
Edit = Callable[[Repository], Any]


def edit(path: str, text: str) -> Edit:
    return lambda repository: repository.write(path, text)


def move(repository: Repository) -> None:
    repository.remove("jobs/a/mine.yaml")
    repository.write("jobs/a/moved.yaml", MINE)


def move_value_into_layer(repository: Repository) -> None:
    """The job's content stays: the same schedule, now inherited."""
    repository.write("jobs/a/_defaults.yaml", "timeout: 1m\nschedule: '0 2 * * *'\n")
    repository.write("jobs/a/mine.yaml", MINE.replace("schedule: '0 2 * * *'\n", ""))


EDITS: dict[str, tuple[Edit, bool, bool]] = {
    "nothing": (lambda _: None, False, False),
    "reformatted": (edit("jobs/a/mine.yaml", MINE.replace("'", '"') + "# a comment\n"), True, False),
    "other line ends": (edit("jobs/a/mine.yaml", MINE.replace("\n", "\r\n")), False, False),
    "schedule": (edit("jobs/a/mine.yaml", MINE.replace("0 2", "0 3")), True, True),
    "overridden value": (edit("jobs/a/mine.yaml", MINE + "timeout: 1m\n"), True, False),
    "name": (edit("jobs/a/mine.yaml", MINE.replace("mine\n", "yours\n", 1)), True, True),
    "moved": (move, True, True),
    "comment in a layer": (edit("jobs/a/_defaults.yaml", "timeout: 1m\n# why\n"), False, False),
    "value in a layer": (edit("jobs/a/_defaults.yaml", "timeout: 2m\n"), True, True),
    "unused variable": (edit("jobs/a/_defaults.yaml", "timeout: 1m\nvariables: {a: b}\n"), False, False),
    "new layer": (edit("jobs/_defaults.yaml", "jitter: 1s\n"), True, True),
    "value moved into a layer": (move_value_into_layer, True, False),
}


@pytest.fixture
def layered(repository: Repository) -> Repository:
    repository.write("jobs/a/_defaults.yaml", "timeout: 1m\n")
    repository.write("jobs/a/mine.yaml", MINE)
    repository.commit("Inherit")
    return repository


@pytest.mark.parametrize("case", EDITS)
def test_executions_are_drafts_by_content_and_path(case: str, layered: Repository, follow: Follow) -> None:
    save, is_draft, runs_draft = EDITS[case]
    following = follow(layered.root, mode="worktree")
    save(layered)
    for _ in range(2):  # the second pass remembers what the first compared
        following.follower.sync()
        [found] = [one for one in following.follower.jobs() if one.path.startswith("jobs/a/")]
        assert (found.draft, found.runs_draft) == (is_draft, runs_draft)
        assert (found.sent_commit is None) is runs_draft
        layered.write("jobs/elsewhere.yaml", MINE.replace("mine", "elsewhere"))
    layered.commit("Keep it")
    following.follower.sync()
    assert not any(one.draft or one.runs_draft for one in following.follower.jobs())


def test_a_file_that_was_never_committed_runs_a_draft_without_a_base(layered: Repository, follow: Follow) -> None:
    layered.write("jobs/new.yaml", MINE.replace("mine", "new"))
    found = follow(layered.root, mode="worktree").follower.jobs().definitions["new"]
    assert (found.runs_draft, found.version, found.commit) == (True, None, None)


def test_discarding_an_edit_ends_the_draft(layered: Repository, follow: Follow) -> None:
    following = follow(layered.root, mode="worktree")
    layered.write("jobs/a/mine.yaml", MINE.replace("0 2", "0 3"))
    following.follower.sync()
    assert following.follower.jobs().definitions["mine"].runs_draft
    layered.git("restore", "--", "jobs/a/mine.yaml")
    following.follower.sync()
    found = following.follower.jobs().definitions["mine"]
    assert (found.draft, found.runs_draft, found.version) == (False, False, 1)
