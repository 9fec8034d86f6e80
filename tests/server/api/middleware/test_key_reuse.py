"""One Idempotency-Key is one call: every POST refuses it with another target or body."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import app_of

from chronos_gitops.config.callers import tokens
from chronos_gitops.config.model import Token
from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.app import url_map
from chronos_gitops.server.api.endpoint import DeclaredRule
from chronos_gitops.server.api.middleware.key_reuse import IdempotencyKeyReused, UsedKeys
from chronos_gitops.service import Service

POSTS = [rule for rule in endpoint.declared(url_map()) if "POST" in (rule.methods or ())]
PAUSE = "/api/v1/jobs/daily-backup/pause"
KEY = {"Idempotency-Key": "one"}


def whole(rule: DeclaredRule) -> dict[str, Any]:
    """A body that the shape of the route accepts."""
    fields: dict[str, dict[str, Any]] = {
        "pauseJob": {"reason": "x"},
        "undoCommit": {"commit": "abc"},
        "callBack": {"status": "success"},
    }
    fields["approveDeletions"] = {"checksum": "x"}
    fields["validateSchedule"] = {"schedule": "@daily", "timezone": "UTC"}
    fields |= {name: {"select": {"all": True}, "reason": "x"} for name in ("pauseJobs", "resumeJobs", "triggerJobs")}
    fields["replayJob"] = {"from": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z", "reason": "x"}
    operation = rule.declared.operation
    return {} if operation is None else fields.get(operation.id, {})


@pytest.mark.parametrize("rule", POSTS, ids=lambda rule: rule.endpoint)
def test_a_key_of_another_call_is_422_on_every_post(own: FlaskClient, rule: DeclaredRule) -> None:
    assert own.post(PAUSE, json={"reason": "first"}, headers=KEY).status_code == 200
    values = {"name": "failing", "n": "1", "execution_id": "x", "replay_id": "x", "forge": "github"}
    path = "/".join(values[part[1:-1]] if part.startswith("<") else part for part in rule.rule.split("/"))
    response = own.post(path, json=whole(rule), headers=KEY)
    assert (response.status_code, response.get_json()["type"]) == (422, "/problems/idempotency-key-reused")


def test_another_body_is_422_and_the_same_call_is_not(own: FlaskClient) -> None:
    job_id = own.get("/api/v1/jobs/daily-backup").get_json()["id"]
    assert own.post(PAUSE, json={"reason": "first"}, headers=KEY).status_code == 200
    assert own.post(PAUSE, json={"reason": "other"}, headers=KEY).status_code == 422
    assert own.post(PAUSE, data=b' {"until": null, "reason": "first"}', headers=KEY).status_code == 200
    assert own.post(f"/api/v1/jobs/{job_id}/pause", json={"reason": "first"}, headers=KEY).status_code == 200
    raw = {"Idempotency-Key": "two"}
    assert [own.post("/api/v1/validate", data=text, headers=raw).status_code for text in ("a: 1", "a: 1", "a: 2")] == [
        200,
        200,
        422,
    ]


def test_a_refused_call_gives_its_key_back(own: FlaskClient) -> None:
    assert own.post("/api/v1/jobs/nothing/trigger", headers=KEY).status_code == 404
    assert own.post(PAUSE, json={"reason": "first"}, headers=KEY).status_code == 200


def test_the_oldest_keys_are_forgotten_first() -> None:
    used = UsedKeys(most=2)
    assert [used.claim(("a", key), b"call") for key in ("1", "2", "1", "3")] == [True, True, False, True]
    with pytest.raises(IdempotencyKeyReused):
        used.claim(("a", "1"), b"other")
    assert used.claim(("a", "2"), b"other")
    assert used.claim(("b", "1"), b"other")


def test_the_key_of_one_caller_is_none_of_another(service: Service) -> None:
    made = {name: tokens.mint(["operate"]) for name in ("ada", "bob")}
    app = app_of(service, *(Token(name, tokens.digest(text), frozenset({"operate"})) for name, text in made.items()))
    triggered = [
        app.test_client().post(
            "/api/v1/jobs/daily-backup/trigger", headers={"Authorization": f"Bearer {made[name]}", **KEY}
        )
        for name in ("ada", "ada", "bob")
    ]
    first, again, other = [response.get_json()["id"] for response in triggered]
    assert first == again != other
