"""The sentence of a commit status, for each place a head can be in."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.forge.calls import StatusState
from chronos_gitops.forge.commit_status import LONGEST, commit_status
from chronos_gitops.git.signatures.errors import UnverifiedCommit
from chronos_gitops.jobs.problem import Problem, Severity
from chronos_gitops.sync.status import HeldDeletions, Mode, Revision, SyncState, SyncStatus

HEAD, OLD = "b" * 40, "a" * 40
APPLIED_AT = datetime(2026, 3, 2, 14, 3, 22, 400_000, tzinfo=UTC)
APPLIED = SyncStatus(
    SyncState.SYNCED, Mode.BRANCH, "acme/jobs", "main", Revision(HEAD, HEAD, HEAD), applied_at=APPLIED_AT, jobs=12
)
SECRET = "api_key: hunter2"


def problem(line: int, severity: Severity = Severity.ERROR) -> Problem:
    return Problem("jobs/a.yaml", line, 1, severity, "unknown-field", f"unknown {SECRET}", excerpt=SECRET)


def unsigned(number: int) -> UnverifiedCommit:
    return UnverifiedCommit(f"{number}{'c' * 39}", "Ada Lovelace", "is not signed")


def refused(*errors: Problem, **fields: Any) -> SyncStatus:
    return replace(APPLIED, state=SyncState.DEGRADED, problems=errors, **fields)


LATE = replace(APPLIED, revision=Revision(HEAD, HEAD, OLD))
CASES = [
    (APPLIED, [HEAD] * 3, "success", "applied 14:03:22Z on 3 of 3 runners, 12 jobs"),
    (APPLIED, [HEAD], "success", "applied 14:03:22Z on 1 of 1 runner, 12 jobs"),
    (replace(APPLIED, jobs=1), [HEAD, OLD, None], "pending", "applied 14:03:22Z on 1 of 3 runners, 1 job"),
    (replace(APPLIED, revision=Revision(HEAD, OLD, OLD)), [OLD], "pending", "seen"),
    (replace(LATE, held=HeldDeletions(("a",) * 9, "x")), [OLD], "pending", "held: 9 deletions"),
    (replace(LATE, held=HeldDeletions(("a",), "x", ("b", "c"))), [OLD], "pending", "held: 1 deletion, 2 disablings"),
    (replace(LATE, held=HeldDeletions((), "x", ("b",))), [OLD], "pending", "held: 1 disabling"),
    (refused(problem(7)), [HEAD], "failure", "jobs/a.yaml:7 unknown-field"),
    (refused(problem(7), problem(8), problem(9)), [HEAD], "failure", "jobs/a.yaml:7 unknown-field (+2)"),
    (refused(problem(7, Severity.WARNING)), [HEAD], "success", "applied 14:03:22Z on 1 of 1 runner, 12 jobs"),
    (replace(LATE, unverified=(unsigned(1),)), [OLD], "failure", "commit 1ccccccc is not signed"),
    (replace(LATE, unverified=(unsigned(1), unsigned(2))), [OLD], "failure", "commit 1ccccccc is not signed (+1)"),
]


@pytest.mark.parametrize(("sync", "applied", "state", "text"), CASES, ids=range(len(CASES)))
def test_a_status_says_where_the_head_stands(
    sync: SyncStatus, applied: list[str | None], state: str, text: str
) -> None:
    found = commit_status(sync, applied, context="chronos-gitops", public_url="https://ops.example.com/chronos")
    assert found is not None
    assert (found.commit, found.state, found.description) == (HEAD, StatusState(state), text)
    assert found.link == "https://ops.example.com/chronos/changes"
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    "sync", [replace(APPLIED, state=SyncState.STARTING), replace(APPLIED, revision=Revision(None, None, None))]
)
def test_no_head_that_was_looked_at_has_no_status(sync: SyncStatus) -> None:
    assert commit_status(sync, [HEAD], context="chronos-gitops", public_url="") is None


def test_a_server_that_is_away_leaves_the_status_of_the_head() -> None:
    lost = replace(APPLIED, state=SyncState.FAILED, reason="NetworkError", message="no route to git.internal")
    given = {"context": "chronos-gitops", "public_url": ""}
    assert commit_status(lost, [HEAD], **given) == commit_status(APPLIED, [HEAD], **given)


@given(st.text(max_size=300), st.integers(1, 10_000))
def test_no_name_of_a_file_makes_it_longer_than_forges_take(name: str, count: int) -> None:
    errors = tuple(replace(problem(1), file=f"jobs/{name}.yaml") for _ in range(min(count, 3)))
    found = commit_status(refused(*errors), [HEAD], context="chronos-gitops", public_url="")
    assert found is not None
    assert len(found.description) <= LONGEST
    assert found.description.isprintable()
