"""Payloads in the words of each forge, after the samples that they publish."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chronos_gitops.sync import push_webhooks
from chronos_gitops.sync.push_payloads import MovedRef, UnreadablePayload
from chronos_gitops.sync.push_webhooks import BadSignature, PushSender

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MAIN = "refs/heads/main"
OLD, NEW = "709d658dc5b6d6afcd46049c2f332ee3f515a67d", "ed1d1b3a3e0f6f1e3b0a8b1c2d3e4f5061728394"
# https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/#Push
BITBUCKET_CLOUD = {
    "actor": {"display_name": "Emma"},
    "repository": {"full_name": "team/jobs"},
    "push": {
        "changes": [
            {
                "new": {"type": "branch", "name": "main", "target": {"type": "commit", "hash": NEW}},
                "old": {"type": "branch", "name": "main", "target": {"type": "commit", "hash": OLD}},
                "created": False,
                "forced": False,
                "closed": False,
            }
        ]
    },
}
# https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
BITBUCKET_DATA_CENTER = {
    "eventKey": "repo:refs_changed",
    "date": "2017-09-19T09:45:32+1000",
    "changes": [
        {
            "ref": {"id": MAIN, "displayId": "main", "type": "BRANCH"},
            "refId": MAIN,
            "fromHash": OLD,
            "toHash": NEW,
            "type": "UPDATE",
        }
    ],
}
# https://learn.microsoft.com/azure/devops/service-hooks/events#git.push
AZURE = {
    "id": "03c164c2-8912-4d5e-8009-3707d5f83734",
    "eventType": "git.push",
    "publisherId": "tfs",
    "resource": {"commits": [], "refUpdates": [{"name": MAIN, "oldObjectId": OLD, "newObjectId": NEW}], "pushId": 14},
}
# https://docs.aws.amazon.com/codecommit/latest/userguide/monitoring-events.html
CODECOMMIT = {
    "version": "0",
    "id": "01234567-0123-0123-0123-012345678901",
    "detail-type": "CodeCommit Repository State Change",
    "source": "aws.codecommit",
    "detail": {
        "event": "referenceUpdated",
        "repositoryName": "jobs",
        "referenceType": "branch",
        "referenceName": "main",
        "referenceFullName": MAIN,
        "commitId": NEW,
        "oldCommitId": OLD,
    },
}
SAMPLES: list[tuple[PushSender, dict[str, str], dict[str, Any]]] = [
    (PushSender.BITBUCKET, {"X-Event-Key": "repo:push"}, BITBUCKET_CLOUD),
    (PushSender.BITBUCKET, {"X-Event-Key": "repo:refs_changed"}, BITBUCKET_DATA_CENTER),
    (PushSender.AZURE, {}, AZURE),
    (PushSender.CODECOMMIT, {}, CODECOMMIT),
]
NAMES = ["bitbucket-cloud", "bitbucket-data-center", "azure", "codecommit"]


def push(forge: PushSender, headers: dict[str, str], payload: object, ref: str | None = MAIN) -> MovedRef | None:
    given = {"Content-Type": "application/json"} | headers
    return push_webhooks.push_to(ref, forge, given.get, json.dumps(payload).encode())


@pytest.mark.parametrize(("forge", "headers", "payload"), SAMPLES, ids=NAMES)
def test_a_push_to_the_followed_branch_names_its_commit(
    forge: PushSender, headers: dict[str, str], payload: dict[str, Any]
) -> None:
    assert push(forge, headers, payload) == MovedRef(MAIN, NEW)
    assert push(forge, headers, payload, ref=None) == MovedRef(MAIN, NEW)
    assert push(forge, headers, payload, ref="refs/heads/other") is None


@pytest.mark.parametrize(("forge", "headers", "payload"), SAMPLES, ids=NAMES)
def test_what_lacks_a_part_is_an_error_or_no_push_and_never_a_crash(
    forge: PushSender, headers: dict[str, str], payload: dict[str, Any]
) -> None:
    """Each value of the sample in turn is left out, or is something else."""
    for mutant in mutants(payload):
        try:
            found = push(forge, headers, mutant)
        except UnreadablePayload:
            continue
        assert found in (None, MovedRef(MAIN, NEW), MovedRef(MAIN, None))


def mutants(value: Any) -> list[Any]:
    found: list[Any] = [None, 7, "x", [], {}]
    if isinstance(value, dict):
        for key in value:
            found.append({name: one for name, one in value.items() if name != key})
            found += [value | {key: mutant} for mutant in mutants(value[key])]
    if isinstance(value, list) and value:
        found += [[mutant] for mutant in mutants(value[0])]
    return found


def test_a_deleted_branch_of_bitbucket_is_a_push_without_a_commit() -> None:
    change = {"new": None, "old": {"type": "branch", "name": "main", "target": {"hash": OLD}}}
    deleted = {"push": {"changes": [change]}}
    assert push(PushSender.BITBUCKET, {"X-Event-Key": "repo:push"}, deleted) == MovedRef(MAIN, None)
    tagged = {"push": {"changes": [{"new": {"type": "tag", "name": "main", "target": {"hash": NEW}}, "old": None}]}}
    assert push(PushSender.BITBUCKET, {"X-Event-Key": "repo:push"}, tagged) is None


def test_other_events_are_no_push() -> None:
    assert push(PushSender.BITBUCKET, {"X-Event-Key": "pullrequest:created"}, BITBUCKET_CLOUD) is None
    assert push(PushSender.AZURE, {}, AZURE | {"eventType": "git.pullrequest.created"}) is None
    assert push(PushSender.CODECOMMIT, {}, CODECOMMIT | {"source": "aws.s3"}) is None


def test_bitbucket_tries_out_its_hook() -> None:
    assert push_webhooks.is_ping(PushSender.BITBUCKET, {"X-Event-Key": "diagnostics:ping"}.get)
    assert not push_webhooks.is_ping(PushSender.AZURE, {}.get)


@pytest.mark.parametrize(("forge", "payload"), [(PushSender.AZURE, AZURE), (PushSender.CODECOMMIT, CODECOMMIT)])
def test_a_delivery_without_a_header_goes_by_its_id(forge: PushSender, payload: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/json"}
    body = json.dumps(payload).encode()
    assert push_webhooks.delivery(forge, headers.get, body) == f"{forge}:{payload['id']}"


def password(text: str, user: str = "azure") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{text}".encode()).decode()}


@pytest.mark.parametrize(
    ("forge", "headers", "is_right"),
    [
        (PushSender.AZURE, password("s"), True),
        (PushSender.AZURE, password("new"), True),
        (PushSender.AZURE, password("s", user=""), True),
        (PushSender.CODECOMMIT, password("s"), True),
        (PushSender.CODECOMMIT, {"X-Api-Key": "s"}, True),
        (PushSender.CODECOMMIT, {"X-Api-Key": "wrong"} | password("s"), False),
        (PushSender.AZURE, {"X-Api-Key": "s"}, False),
        (PushSender.AZURE, password("wrong"), False),
        (PushSender.AZURE, password(""), False),
        (PushSender.AZURE, {"Authorization": "Basic !"}, False),
        (PushSender.AZURE, {"Authorization": "Bearer s"}, False),
        (PushSender.AZURE, {}, False),
    ],
)
def test_who_signs_nothing_sends_the_secret(forge: PushSender, headers: dict[str, str], is_right: bool) -> None:
    try:
        push_webhooks.verify(forge, headers.get, b"{}", ("s", "new"), NOW)
        found = True
    except BadSignature:
        found = False
    assert found is is_right
