"""Commits of the runner in the operator's form: message, ref, review."""

import re
from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository

from chronos_gitops.config.runner_commits import RunnerCommits, full_ref, template
from chronos_gitops.git.commit import Person
from chronos_gitops.git.log import recent
from chronos_gitops.rollback import commit_message
from chronos_gitops.rollback.before_commit import UndoRequest
from chronos_gitops.rollback.commit_policy import CommitPolicy
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest

ALICE, RUNNER = Person("Alice Example", "alice@example.com"), Person("chronos-gitops", "chronos-gitops@localhost")
POLICED = "OPS-0: {subject}\n\n{trailers}\nSigned-off-by: {committer}"


@pytest.fixture
def server(repository: Repository, bare: Repository) -> Repository:
    """A bare repository whose job one has two versions."""
    repository.write_job("one", schedule="30 3 * * *")
    repository.commit("Run one later")
    repository.push()
    return bare


def roll_back(server: Repository, follow: Follow, policy: CommitPolicy) -> tuple[str | None, str | None]:
    """The commit, and the branch where one waits for review."""
    reverter = Reverter(follow(server.root).follower, policy=policy)
    result = reverter.perform(RollbackRequest("one", "1", "it failed", ALICE, "request-1"))
    return result.commit, result.branch


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("{subject}\n\n{trailers}", "Roll back one\n\nChronos-Job: one\nChronos-Reason: x\n"),
        (
            POLICED,
            "OPS-0: Roll back one\n\nChronos-Job: one\nChronos-Reason: x\n"
            "Signed-off-by: chronos-gitops <chronos-gitops@localhost>\n",
        ),
        (
            "{subject} [skip ci]\n\nFor {author}.\n\n{trailers}\n",
            "Roll back one [skip ci]\n\nFor Alice Example <alice@example.com>.\n\n"
            "Chronos-Job: one\nChronos-Reason: x\n",
        ),
        ("{{x}} {subject}\n\n{trailers}", "{x} Roll back one\n\nChronos-Job: one\nChronos-Reason: x\n"),
    ],
)
def test_a_message_in_the_operators_form(text: str, written: str) -> None:
    message = "Roll back one\n\nChronos-Job: one\nChronos-Reason: x\n"
    assert CommitPolicy(template(text, Path())).written(message, author=ALICE, committer=RUNNER) == written


def test_a_change_id_is_the_same_for_the_same_message_only() -> None:
    policy = CommitPolicy(template("{subject}\n\n{trailers}\nChange-Id: {change_id}", Path()))
    first, again, other = (
        policy.written(f"{subject}\n\nChronos-Job: one\n", author=ALICE, committer=RUNNER).rpartition("Change-Id: ")[2]
        for subject in ("a", "a", "b")
    )
    assert first == again != other
    assert len(first.strip()) == 41


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not a text"),
        ("{subject}", "it lacks {trailers}"),
        ("{trailers}", "it lacks {subject}"),
        ("{subject}\n\n{trailers}\n\nBye", "begins its last paragraph"),
        ("{subject}\n{trailers}", "begins its last paragraph"),
        ("x\n{subject}\n\n{trailers}", "in its first line"),
        ("{subject}\n\n{trailers} {ticket}", 'there is no "{ticket}"'),
        ("{subject.__class__}\n\n{trailers}", 'there is no "{subject.__class__}"'),
        ("{subject!r}\n\n{trailers}", 'there is no "{subject}"'),
        ("{subject:>9}\n\n{trailers}", 'there is no "{subject}"'),
        ("{subject}\n\n{trailers} {", "it is no template"),
        ("{subject}\n\n{trailers} {}", 'there is no "{}"'),
    ],
)
def test_a_template_that_would_lose_something_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        template(text, Path())


@pytest.mark.parametrize("ref", ["refs/for/main", "refs/for/main%topic=rollback", "refs/heads/rollbacks"])
def test_a_full_ref_is_taken(ref: str) -> None:
    assert full_ref(ref, Path()) == ref


@pytest.mark.parametrize("ref", ["main", "refs/", "refs/../x", "refs/for/a b", "refs/for/", "-x", "refs/for/a\nb"])
def test_what_is_no_full_ref_is_refused(ref: str) -> None:
    with pytest.raises(ValueError, match="write one like refs/for/main"):
        full_ref(ref, Path())


def test_the_trailers_of_a_policed_message_are_found_again(server: Repository, follow: Follow) -> None:
    following = follow(server.root)
    reverter = Reverter(following.follower, policy=CommitPolicy(POLICED))
    request = RollbackRequest("one", "1", "it failed", ALICE, "request-1")
    made = reverter.perform(request)
    assert server.git("show", "--format=%s", "--no-patch", "main") == "OPS-0: Roll back one to version 1"
    assert server.git("show", "--format=%(trailers:key=Signed-off-by,valueonly)", "--no-patch", "main").strip()
    assert reverter.perform(request) == made  # found by its request id
    found = commit_message.trailers(recent(following.follower.source.git, str(made.commit), 1)[0])
    assert (found[commit_message.JOB], found[commit_message.RESTORED_VERSION]) == ("one", "1")


def test_a_policed_undo_keeps_its_list_before_the_trailers(server: Repository, follow: Follow) -> None:
    reverter = Reverter(follow(server.root).follower, policy=CommitPolicy(POLICED))
    reverter.perform(UndoRequest(server.head("refs/heads/main"), "it failed", ALICE, "request-1"))
    message = server.git("show", "--format=%B", "--no-patch", "main")
    assert message.startswith("OPS-0: Undo ")
    assert "\n\n* one\n\nChronos-Undone-Commit: " in message


def test_with_review_a_rollback_is_a_branch_and_the_followed_one_stays(server: Repository, follow: Follow) -> None:
    before = server.head("refs/heads/main")
    commit, branch = roll_back(server, follow, CommitPolicy.of(RunnerCommits(rollbacks="review")))
    assert branch is not None
    assert branch.startswith("chronos/rollback/one-v1-")
    assert server.head(f"refs/heads/{branch}") == commit
    assert server.head("refs/heads/main") == before
    assert server.git("rev-parse", f"{branch}~1") == before


def test_with_review_the_same_rollback_twice_is_one_branch(server: Repository, follow: Follow) -> None:
    reverter = Reverter(follow(server.root).follower, policy=CommitPolicy(needs_review=True))
    made = [reverter.perform(RollbackRequest("one", "1", "it failed", ALICE, f"request-{n}")) for n in range(2)]
    assert made[0].branch == made[1].branch
    assert made[0].commit == made[1].commit
    assert server.git("for-each-ref", "--format=%(refname)", "refs/heads/chronos").count("\n") == 0


def test_commits_go_to_the_ref_that_the_server_reviews(server: Repository, follow: Follow) -> None:
    before = server.head("refs/heads/main")
    commit, branch = roll_back(server, follow, CommitPolicy(push_ref="refs/for/main"))
    assert (server.head("refs/for/main"), branch) == (commit, "refs/for/main")
    assert server.head("refs/heads/main") == before
