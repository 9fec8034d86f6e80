"""Push webhooks over the API: signed, answered at once, and only a reason to look."""

import dataclasses
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import CheckedClient, Checkout, eventually, job_yaml, token_of
from werkzeug.test import TestResponse

from chronos_gitops.app import build
from chronos_gitops.config.groups import PushSecrets
from chronos_gitops.config.model import Token
from chronos_gitops.config.settings import Settings
from chronos_gitops.server.web.app import create_app
from chronos_gitops.service import Service

SECRET = "the forge's and ours"
PUSH = {"ref": "refs/heads/main", "after": "0" * 40}


def hooked(service: Service, *tokens: Token) -> FlaskClient:
    """The service's application with a secret for GitHub and Gitea, none for GitLab."""
    settings = dataclasses.replace(
        service.settings, push_secrets=PushSecrets(github=("old", SECRET), gitea=(SECRET,)), tokens=tokens
    )
    app = create_app(dataclasses.replace(service, settings=settings))
    app.test_client_class = CheckedClient
    return app.test_client()


def send(client: FlaskClient, payload: Any = PUSH, *, id: str = "", secret: str = SECRET, **more: str) -> TestResponse:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-Hub-Signature-256": f"sha256={signature}",
        **({"X-GitHub-Delivery": id} if id else {}),
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    return client.post("/api/v1/hooks/github", data=body, headers=headers)


@pytest.fixture
def remote(checkout: Checkout, tmp_path: Path) -> Iterator[Service]:
    """A runner that has nobody to tell it but a hook: its address is a URL, its interval an hour."""
    checkout.git("clone", "-q", "--bare", ".", str(tmp_path / "remote.git"))
    checkout.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    settings = Settings(repo=str(tmp_path / "remote.git"), data=tmp_path / "data", branch="main")
    with build(settings) as service:
        service.follower._watch.stop()
        yield service


def test_a_push_is_fetched_in_the_background(remote: Service, checkout: Checkout) -> None:
    client = hooked(remote)
    checkout.write("fresh", job_yaml("fresh", "http://127.0.0.1:9/"))
    commit = checkout.commit("Add a job")
    checkout.git("push", "-q", "origin", "main")
    response = send(client)
    assert (response.status_code, response.get_json()) == (202, {"status": "accepted"})
    eventually(lambda: remote.follower.status().revision.applied == commit)
    assert client.get("/api/v1/jobs/fresh").status_code == 200


def test_a_thousand_hooks_are_few_fetches_and_the_last_one_counts(remote: Service, checkout: Checkout) -> None:
    """Passes are 2 s apart, so this takes 2 to 5 s; the commit comes after the first fetch has begun."""
    client = hooked(remote)
    attempts: set[Any] = set()
    for number in range(1000):
        assert send(client, id=str(number)).status_code == 202
        attempts.add(remote.follower.status().last_attempt_at)
        if number == 500:
            checkout.write("fresh", job_yaml("fresh", "http://127.0.0.1:9/"))
            commit = checkout.commit("Add a job")
            checkout.git("push", "-q", "origin", "main")
    eventually(lambda: remote.follower.status().revision.applied == commit)
    assert len(attempts) <= 5


def test_a_commit_that_the_server_shows_only_later_is_looked_for_again(remote: Service, checkout: Checkout) -> None:
    """The hook comes from the machine that took the push, the fetch asks another: no second hook, an hour's interval.

    Takes 1 to 3 s, the pauses between the looks.
    """
    before = remote.follower.status().last_attempt_at
    checkout.write("fresh", job_yaml("fresh", "http://127.0.0.1:9/"))
    commit = checkout.commit("Add a job")
    assert send(hooked(remote), PUSH | {"after": commit}).status_code == 202
    eventually(lambda: remote.follower.status().last_attempt_at != before)
    assert remote.follower.status().revision.applied != commit
    checkout.git("push", "-q", "origin", "main")
    eventually(lambda: remote.follower.status().revision.applied == commit)


def test_the_payload_gives_no_orders(remote: Service, checkout: Checkout) -> None:
    before, last = remote.follower.status().revision, remote.follower.status().last_attempt_at
    payload = PUSH | {"after": "f" * 40, "repository": {"clone_url": "http://127.0.0.1:9/evil.git"}}
    assert send(hooked(remote), payload).status_code == 202
    eventually(lambda: remote.follower.status().last_attempt_at != last)
    assert remote.follower.status().revision == before


@pytest.mark.parametrize("tokens", [(), (token_of("ada", "read")[1],)])
def test_the_signature_is_all_it_takes(shared: Service, tokens: tuple[Token, ...]) -> None:
    client = hooked(shared, *tokens)
    foreign = {"Host": "chronos.example.com", "Origin": "https://github.com", "Sec-Fetch-Site": "cross-site"}
    assert send(client, **foreign).status_code == 202
    assert send(client, secret="old").status_code == 202
    refused = send(client, secret="wrong", **foreign)
    assert (refused.status_code, refused.get_json()["type"]) == (401, "/problems/bad-signature")
    assert "WWW-Authenticate" not in refused.headers


def test_a_ping_is_answered_and_a_repeated_delivery_is_no_error(shared: Service) -> None:
    client = hooked(shared)
    ping = send(client, {"zen": "Keep it logically awesome."}, X_GitHub_Event="ping")
    assert (ping.status_code, ping.get_json()) == (200, {"status": "pong"})
    assert send(client, id="twice").get_json() == {"status": "accepted"}
    again = send(client, id="twice")
    assert (again.status_code, again.get_json()) == (202, {"status": "duplicate"})


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        ({"ref": "refs/tags/main"}, "push"),
        ({"ref": "refs/heads/other"}, "push"),
        ({"ref": "main"}, "push"),
        ({"ref": "refs/heads/main"}, "issues"),
    ],
)
def test_what_is_about_something_else_is_ignored(shared: Service, payload: Any, event: str) -> None:
    response = send(hooked(shared), payload, X_GitHub_Event=event)
    assert (response.status_code, response.get_json()) == (202, {"status": "ignored"})


@pytest.mark.parametrize(
    ("payload", "content_type", "status"),
    [(b"{", "application/json", 400), (b"[]", "application/json", 400), (b"{}", "text/plain", 415)],
)
def test_a_signed_payload_may_still_be_unreadable(
    shared: Service, payload: bytes, content_type: str, status: int
) -> None:
    assert send(hooked(shared), payload, Content_Type=content_type).status_code == status


def test_a_body_over_a_mebibyte_is_not_read(shared: Service) -> None:
    assert send(hooked(shared), b" " * (1024 * 1024 + 1)).status_code == 413


@pytest.mark.parametrize("forge", ["gitlab", "bitbucket", "GitHub", ""])
def test_without_a_secret_there_is_no_hook(shared: Service, forge: str) -> None:
    assert hooked(shared).post(f"/api/v1/hooks/{forge}", headers={"X-Gitlab-Token": ""}).status_code == 404
    assert hooked(shared).get("/api/v1/hooks/github").status_code == 405


def test_gitea_is_heard_too(shared: Service) -> None:
    body = json.dumps(PUSH).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Gitea-Event": "push",
        "X-Gitea-Signature": hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
    }
    client = hooked(shared)
    assert client.post("/api/v1/hooks/gitea", data=body, headers=headers).get_json() == {"status": "accepted"}
