"""``plan`` says beforehand what the runner does with a commit: which jobs run then, and which deletions wait."""

import json
from collections.abc import Callable

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository

from chronos_gitops.cli.main import main

BROKEN = "name: {}\nschedule: never\n"
ALLOWED = "\n\nChronos-Allow-Deletes: {}"
Change = Callable[[Repository], str]


def remove(repository: Repository, *numbers: int) -> None:
    for number in numbers:
        repository.remove(f"jobs/job-{number}.yaml")


def empties_the_tree(repository: Repository) -> str:
    remove(repository, *range(10))
    repository.write("jobs/README.md", "nothing left")
    return "Delete all"


def empties_the_tree_as_allowed(repository: Repository) -> str:
    return empties_the_tree(repository) + ALLOWED.format(10)


def deletes_three(repository: Repository) -> str:
    remove(repository, 0, 1, 2)
    return "Delete three"


def deletes_four(repository: Repository) -> str:
    remove(repository, 0, 1, 2, 3)
    return "Delete four"


def deletes_four_as_allowed(repository: Repository) -> str:
    return deletes_four(repository) + ALLOWED.format(4)


def deletes_four_where_five_are_allowed(repository: Repository) -> str:
    return deletes_four(repository) + ALLOWED.format(5)


def breaks_one(repository: Repository) -> str:
    repository.write("jobs/job-0.yaml", BROKEN.format("job-0"))
    return "Break one"


def breaks_one_beyond_its_name(repository: Repository) -> str:
    repository.write("jobs/job-0.yaml", "{{{")
    return "Break one"


def breaks_and_moves_one(repository: Repository) -> str:
    remove(repository, 0)
    repository.write("jobs/deep/job.yaml", BROKEN.format("job-0"))
    return "Break and move one"


def renames_and_breaks_one(repository: Repository) -> str:
    repository.write("jobs/job-0.yaml", BROKEN.format("job-new"))
    return "Rename and break one"


def deletes_four_and_breaks_all_others(repository: Repository) -> str:
    for number in range(4, 10):
        repository.write(f"jobs/job-{number}.yaml", "{{{")
    return deletes_four(repository)


def takes_a_name(repository: Repository) -> str:
    repository.write_job("job-5", path="jobs/a.yaml", schedule="9 9 * * *")
    return "Take a name"


def leaves_nothing_but_a_new_broken_file(repository: Repository) -> str:
    remove(repository, *range(10))
    repository.write("jobs/new.yaml", BROKEN.format("new"))
    return "Replace all by nonsense"


@pytest.mark.parametrize(
    "change",
    [
        empties_the_tree,
        empties_the_tree_as_allowed,
        deletes_three,
        deletes_four,
        deletes_four_as_allowed,
        deletes_four_where_five_are_allowed,
        breaks_one,
        breaks_one_beyond_its_name,
        breaks_and_moves_one,
        renames_and_breaks_one,
        deletes_four_and_breaks_all_others,
        takes_a_name,
        leaves_nothing_but_a_new_broken_file,
    ],
)
def test_plan_says_what_the_runner_does(
    repository: Repository, follow: Follow, capsys: pytest.CaptureFixture[str], change: Change
) -> None:
    for name in ("one", "two"):
        repository.remove(f"jobs/{name}.yaml")
    for number in range(10):
        repository.write_job(f"job-{number}")
    repository.commit("Ten jobs")
    following = follow(repository.root, mode="branch")
    before = {definition.job.name: definition.job.digest for definition in following.follower.jobs()}
    repository.commit(change(repository))
    status = following.follower.sync()
    after = {definition.job.name: definition.job.digest for definition in following.follower.jobs()}
    held = status.held.names if status.held else ()
    assert main(["plan", "HEAD~1", "HEAD", "--repo", str(repository.root), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["unsafe"]["jobs"] == sorted(held)
    assert found["unsafe"]["checksum"] == (status.held.checksum if status.held else None)
    planned = {one["job"]: one["operation"] for one in found["changes"]}
    removed = {name for name, operation in planned.items() if operation == "removed"}
    assert removed - set(held) == before.keys() - after.keys()
    assert {name for name, operation in planned.items() if operation == "added"} == after.keys() - before.keys()
    changed = {name for name in before.keys() & after.keys() if before[name] != after[name]}
    assert {name for name, operation in planned.items() if operation == "changed"} == changed


def test_plan_says_that_the_last_jobs_of_a_tree_are_held(
    repository: Repository, follow: Follow, capsys: pytest.CaptureFixture[str]
) -> None:
    following = follow(repository.root, mode="branch")
    for name in ("one", "two"):
        repository.remove(f"jobs/{name}.yaml")
    repository.write("jobs/README.md", "nothing left")
    repository.commit("Delete both")
    held = following.follower.sync().held
    assert held is not None
    assert following.follower.status().reason == "EmptyTree"
    assert main(["plan", "HEAD~1", "HEAD", "--repo", str(repository.root), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["unsafe"] == {"jobs": list(held.names), "checksum": held.checksum}
