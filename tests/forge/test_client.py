"""Calls to the forges: as their published documents have them, with the token where it belongs and nowhere else."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.programs.fake_forge import TOKEN, FakeForge

from chronos_gitops.forge import request_text
from chronos_gitops.forge.calls import CommitStatus, StatusState
from chronos_gitops.forge.client import ForgeClient, ForgeError
from chronos_gitops.jobs.planning.plan import Plan
from chronos_gitops.rollback.publish import Proposal, ReviewRequest

SHA = "1a2b3c4d" * 5
STATUS = CommitStatus(SHA, StatusState.SUCCESS, "applied 14:03:22Z on 3 of 3 runners, 12 jobs", "chronos-gitops")
MESSAGE = "Roll back charge to version 3\n\nChronos-Reason: `it` @failed ü\n"
PROPOSAL = Proposal("chronos/rollback/charge-v3-1a2b3c4", "main", MESSAGE, Plan(()))
OPENED = ReviewRequest(1, "https://forge.example.com/acme/jobs/pull/1")


@pytest.mark.parametrize("state", StatusState)
@pytest.mark.parametrize("link", ["", "https://ops.example.com/chronos/changes"])
def test_a_status_arrives_as_it_is(client: ForgeClient, forge: FakeForge, state: StatusState, link: str) -> None:
    client.post_status(CommitStatus(SHA, state, "x" * 140, "chronos-gitops/production", link))
    (posted,) = forge.statuses
    assert posted == {
        "sha": SHA,
        "state": state.value,
        "description": "x" * 140,
        "context": "chronos-gitops/production",
        "target_url": link or None,
    }


def test_a_request_is_opened_once_for_two_branches(client: ForgeClient, forge: FakeForge) -> None:
    assert client.open_request(PROPOSAL) == client.open_request(PROPOSAL) == OPENED
    (request,) = forge.requests
    assert request["branches"] == (PROPOSAL.branch, "main")
    assert request["title"] == "Roll back charge to version 3"
    assert request["description" if forge.kind == "gitlab" else "body"] == request_text.body(PROPOSAL)
    other = client.open_request(replace(PROPOSAL, branch="chronos/rollback/other"))
    assert other.number == 2


def test_a_request_that_was_closed_is_not_opened_again_by_another_name(client: ForgeClient, forge: FakeForge) -> None:
    client.open_request(PROPOSAL)
    forge.requests[0]["is_open"] = False
    assert client.open_request(PROPOSAL).number == 2


def test_a_request_that_another_runner_opens_meanwhile_is_found(client: ForgeClient, forge: FakeForge) -> None:
    """The first look finds none, then there is one."""
    client.open_request(PROPOSAL)
    looks = iter([(404, {}, {"message": "none"}) if forge.kind == "gitea" else (200, {}, [])])
    forge.reply = lambda call: None if "title" in call.values else next(looks, None)
    assert client.open_request(PROPOSAL) == OPENED


@pytest.mark.parametrize(
    ("reply", "message", "wait"),
    [
        ((500, {}, b"<html>"), "the forge answered 500 Internal Server Error", None),
        ((404, {}, {"message": "Not Found"}), "the forge answered 404 Not Found: Not Found", None),
        ((403, {"Retry-After": "90"}, {"message": "slow\ndown"}), "the forge answered 403 Forbidden: slow down", 90),
        ((403, {}, {"message": "API rate limit exceeded"}), "API rate limit exceeded", 60),
        ((429, {}, {}), "the forge answered 429 Too Many Requests", 60),
        ((302, {"Location": "http://127.0.0.1:9/"}, {}), "the forge answered 302 Found", None),
        ((422, {}, {"message": {"base": ["is unknown"]}}), 'Entity: {"base": ["is unknown"]}', None),
    ],
)
def test_a_refused_status_says_what_the_forge_answered(
    client: ForgeClient, forge: FakeForge, reply: Any, message: str, wait: int | None
) -> None:
    forge.reply = lambda _: reply
    with pytest.raises(ForgeError) as caught:
        client.post_status(STATUS)
    assert message.replace("Entity", "") in caught.value.message.replace("Unprocessable Entity", "")
    assert caught.value.retry_after == (None if wait is None else timedelta(seconds=wait))


NO_PAGE = b'{"number": 1, "iid": 1, "html_url": "data:,", "web_url": "javascript:x"}'


@pytest.mark.parametrize("answer", [b"not json", b"[]x", b"{}", b'{"number": "x"}', NO_PAGE])
def test_an_answer_of_another_kind_is_an_error_of_the_forge(
    client: ForgeClient, forge: FakeForge, answer: bytes
) -> None:
    forge.reply = lambda call: (201, {}, answer) if "title" in call.values else (200, {}, b"[]")
    if forge.kind == "gitea":
        forge.reply = lambda call: (201, {}, answer) if "title" in call.values else (404, {}, b"{}")
    with pytest.raises(ForgeError, match="answered something else than"):
        client.open_request(PROPOSAL)


def test_a_pending_status_that_gitlab_keeps_is_there(client: ForgeClient, forge: FakeForge) -> None:
    said = 'Cannot transition status via :enqueue from :pending (Reason(s): Status cannot transition via "enqueue")'
    forge.reply = lambda _: (400, {}, {"message": said})
    pending = CommitStatus(SHA, StatusState.PENDING, "seen", "chronos-gitops")
    if forge.kind == "gitlab":
        client.post_status(pending)
    else:
        with pytest.raises(ForgeError):
            client.post_status(pending)
    with pytest.raises(ForgeError):
        client.post_status(STATUS)


def test_the_token_is_read_at_each_call_and_in_no_error(
    client: ForgeClient, forge: FakeForge, token_file: Path
) -> None:
    token_file.write_text("revoked-0123456789")
    with pytest.raises(ForgeError, match="401 Unauthorized: Bad credentials"):
        client.post_status(STATUS)
    token_file.write_text(TOKEN)
    client.post_status(STATUS)
    forge.reply = lambda _: (500, {}, json.dumps({"message": f"bad {TOKEN}"}).encode())
    with pytest.raises(ForgeError) as caught:
        client.post_status(STATUS)
    assert TOKEN not in caught.value.message
    for content, message in ((b"", "holds no token"), (b"a\nb", "holds no token"), (b"\xff", "it is not ASCII")):
        token_file.write_bytes(content)
        with pytest.raises(ForgeError, match=message):
            client.post_status(STATUS)
    token_file.unlink()
    with pytest.raises(ForgeError, match="cannot be read: No such file"):
        client.post_status(STATUS)


def test_a_forge_that_is_away_is_an_error(client: ForgeClient, forge: FakeForge) -> None:
    forge.__exit__()
    with pytest.raises(ForgeError, match="no connection to"):
        client.post_status(STATUS)
