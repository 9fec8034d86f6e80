"""Both ways to name former content meet the same decisions: what stands in the way, validation, a repeated request."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository

from chronos_gitops.errors import ChronosError
from chronos_gitops.git.commit import Person
from chronos_gitops.rollback.before_commit import UndoRequest
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest

ALICE = Person("Alice", "alice@example.com")
NIGHTLY = "30 3 * * *"
Asked: TypeAlias = Callable[[Repository], Any]


def to_first_version(repository: Repository, request_id: str = "id-1") -> RollbackRequest:
    return RollbackRequest("one", "1", "", ALICE, request_id)


def before_newest_commit(repository: Repository, request_id: str = "id-1") -> UndoRequest:
    """Of the job one: of two commits with its name the newest."""
    commit = repository.git("log", "-1", "--format=%H", "--grep", "^Change one$", "main")
    return UndoRequest(commit, "", ALICE, request_id)


REQUESTS = [to_first_version, before_newest_commit]


@pytest.fixture
def changed(repository: Repository) -> Repository:
    """Two versions of the job one."""
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit("Change one")
    return repository


def refused(changed: Repository, follow: Follow, request: Asked) -> str:
    """The kind of the refusal, the same for a dry run; nothing was written."""
    before = changed.head()
    reverter = Reverter(follow(changed.root).follower)
    kinds = []
    for step in (reverter.plan, reverter.perform):
        with pytest.raises(ChronosError) as error:
            step(request(changed))
        kinds.append(error.value.kind)
    assert changed.head() == before
    assert kinds[0] == kinds[1]
    return kinds[0]


@pytest.mark.parametrize("request_of", REQUESTS)
def test_a_dirty_target_is_refused(changed: Repository, follow: Follow, request_of: Asked) -> None:
    changed.write_job("one", schedule="5 5 * * *")
    assert refused(changed, follow, request_of) == "conflict"


@pytest.mark.parametrize("request_of", REQUESTS)
def test_content_that_is_invalid_today_is_refused(repository: Repository, follow: Follow, request_of: Asked) -> None:
    repository.write("jobs/bad.yaml", 'name: bad\nschedule: "61 * * * *"\nwebhook: {url: "https://x.example/"}\n')
    repository.commit("Add bad")
    repository.write_job("bad")
    repository.commit("Change one")

    def request(repository: Repository) -> Any:
        found = request_of(repository)
        return RollbackRequest("bad", "1", "", ALICE) if isinstance(found, RollbackRequest) else found

    assert refused(repository, follow, request) == "invalid-version"


@pytest.mark.parametrize("request_of", REQUESTS)
def test_a_path_that_another_job_has_taken_is_refused(
    repository: Repository, follow: Follow, request_of: Asked
) -> None:
    repository.remove("jobs/one.yaml")
    repository.commit("Change one")
    repository.write_job("other", path="jobs/one.yaml")
    repository.commit("Take its place")
    assert refused(repository, follow, request_of) == "conflict"


@pytest.mark.parametrize("request_of", REQUESTS)
def test_another_file_that_claims_the_name_blocks_neither(
    changed: Repository, follow: Follow, request_of: Asked
) -> None:
    """The job keeps its path, so the other file stays refused, as it is now."""
    changed.write_job("one", path="jobs/zzz.yaml")
    changed.commit("Claim its name")
    following = follow(changed.root)
    assert Reverter(following.follower).perform(request_of(changed)).changed
    assert following.schedule("one") == "0 2 * * *"


@pytest.mark.parametrize("request_of", REQUESTS)
def test_a_repeated_request_gets_its_first_answer_and_another_one_is_refused(
    changed: Repository, follow: Follow, request_of: Callable[[Repository, str], Any]
) -> None:
    reverter = Reverter(follow(changed.root).follower)
    request = request_of(changed, "id-7")
    first = reverter.perform(request)
    assert reverter.perform(request).commit == first.commit == changed.head()
    with pytest.raises(ChronosError, match="was used for another rollback"):
        reverter.perform(RollbackRequest("two", "1", "", ALICE, "id-7"))


@pytest.mark.parametrize("request_of", REQUESTS)
def test_the_request_id_of_one_author_is_none_of_another(
    changed: Repository, follow: Follow, request_of: Asked
) -> None:
    reverter = Reverter(follow(changed.root).follower)
    assert reverter.perform(request_of(changed)).changed
    changed.write_job("one", schedule="7 7 * * *")
    changed.commit("Change one")
    reverter.plan(request_of(changed))
    bob = replace(request_of(changed), requested_by=Person("Bob", "bob@example.com"))
    made = reverter.perform(bob)
    assert made.changed
    assert changed.head() == made.commit
