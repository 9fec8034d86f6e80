"""Signatures of push webhooks, in the format of each forge."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from chronos_gitops.sync import push_webhooks
from chronos_gitops.sync.push_payloads import UnreadablePayload, UnsupportedMedia
from chronos_gitops.sync.push_webhooks import BadSignature, Deliveries, PushSender

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BODY = b'{"ref": "refs/heads/main"}'
TOKEN = "whsec_" + base64.b64encode(bytes(range(32))).decode()
JSON = {"Content-Type": "application/json"}


def hexed(secret: str, body: bytes = BODY) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard(token: str = TOKEN, body: bytes = BODY, at: datetime = NOW, id: str = "d-1") -> dict[str, str]:
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(token).sign(id, at, body.decode()),
    }


def is_genuine(
    forge: PushSender, headers: dict[str, str], *secrets: str, body: bytes = BODY, now: datetime = NOW
) -> bool:
    lowered = {name.lower(): value for name, value in headers.items()}
    try:
        push_webhooks.verify(forge, lambda name: lowered.get(name.lower()), body, secrets, now)
    except BadSignature:
        return False
    return True


def test_the_vector_of_githubs_own_documentation() -> None:
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = {"X-Hub-Signature-256": signature}
    assert is_genuine(PushSender.GITHUB, headers, "It's a Secret to Everybody", body=b"Hello, World!")
    assert not is_genuine(PushSender.GITHUB, headers, "It's a Secret to Everybody", body=b"Hello, World?")


GENUINE = [
    (PushSender.BITBUCKET, {"X-Hub-Signature": f"sha256={hexed('s')}"}, "s"),
    (PushSender.GITHUB, {"X-Hub-Signature-256": f"sha256={hexed('s')}"}, "s"),
    (PushSender.GITLAB, {"X-Gitlab-Token": "s"}, "s"),
    (PushSender.GITLAB, {"X-Gitlab-Token": "gehe\u0069m"}, "geheim"),
    (PushSender.GITLAB, standard(), TOKEN),
    (PushSender.GITLAB, standard() | {"webhook-signature": f"v1,AAAA {standard()['webhook-signature']} v2,x"}, TOKEN),
    (PushSender.GITLAB, standard(at=NOW - timedelta(minutes=5)), TOKEN),
    (PushSender.GITLAB, standard(at=NOW + timedelta(minutes=5)), TOKEN),
    (PushSender.GITEA, {"X-Gitea-Signature": hexed("s")}, "s"),
    (PushSender.GITEA, {"X-Forgejo-Signature": hexed("s"), "X-Gitea-Signature": hexed("s")}, "s"),
    (PushSender.GITEA, {"X-Gogs-Signature": hexed("s")}, "s"),
    (PushSender.GITEA, {"X-Hub-Signature-256": f"sha256={hexed('s')}"}, "s"),
]


@pytest.mark.parametrize(("forge", "headers", "secret"), GENUINE)
def test_what_the_forge_signed_is_genuine_with_old_and_new_secrets(
    forge: PushSender, headers: dict[str, str], secret: str
) -> None:
    assert is_genuine(forge, headers, secret)
    assert is_genuine(forge, headers, "another", secret)
    assert is_genuine(forge, headers, secret, "another")
    assert not is_genuine(forge, headers, "another")
    assert not is_genuine(forge, headers)


@pytest.mark.parametrize(
    ("forge", "headers"),
    [
        (PushSender.GITHUB, {}),
        (PushSender.GITHUB, {"X-Hub-Signature-256": ""}),
        (PushSender.GITHUB, {"X-Hub-Signature-256": hexed("s")}),
        (PushSender.GITHUB, {"X-Hub-Signature-256": "sha256=\xff\xfe"}),
        (PushSender.GITHUB, {"X-Hub-Signature": "sha1=" + hmac.new(b"s", BODY, hashlib.sha1).hexdigest()}),
        (PushSender.GITHUB, {"X-Gitlab-Token": "s"}),
        (PushSender.GITHUB, {"X-Gitea-Signature": hexed("s")}),
        (PushSender.GITLAB, {"X-Gitlab-Token": ""}),
        (PushSender.GITLAB, {"X-Gitlab-Token": TOKEN}),
        (PushSender.GITLAB, {"X-Hub-Signature-256": f"sha256={hexed('s')}"}),
        (PushSender.GITLAB, standard() | {"webhook-signature": "", "X-Gitlab-Token": "s"}),
        (PushSender.GITLAB, standard() | {"webhook-signature": "v1,AAAA", "X-Gitlab-Token": "s"}),
        (PushSender.GITLAB, standard() | {"webhook-id": "d-2"}),
        (PushSender.GITLAB, standard() | {"webhook-timestamp": ""}),
        (PushSender.GITLAB, standard() | {"webhook-timestamp": "x"}),
        (PushSender.GITLAB, standard() | {"webhook-timestamp": "9" * 5000}),
        (PushSender.GITLAB, standard() | {"webhook-timestamp": "\xb2"}),
        (PushSender.GITLAB, standard(at=NOW - timedelta(minutes=5, seconds=1))),
        (PushSender.GITLAB, standard(at=NOW + timedelta(minutes=5, seconds=1))),
        (PushSender.GITEA, {"X-Gitea-Signature": ""}),
        (PushSender.GITEA, {"X-Gitea-Signature": "wrong", "X-Hub-Signature-256": f"sha256={hexed('s')}"}),
        (PushSender.GITEA, {"X-Forgejo-Signature": "", "X-Gitea-Signature": hexed("s")}),
    ],
)
def test_what_is_not_signed_well_is_refused_and_nothing_weaker_makes_it_good(
    forge: PushSender, headers: dict[str, str]
) -> None:
    assert not is_genuine(forge, headers, "s", TOKEN)


@pytest.mark.parametrize("token", ["whsec_", "whsec_!", "whsec_QQ"])
def test_a_signing_token_that_is_none_signs_nothing(token: str) -> None:
    empty = base64.b64encode(hmac.digest(b"", f"d-1.{int(NOW.timestamp())}.".encode() + BODY, "sha256")).decode()
    assert not is_genuine(PushSender.GITLAB, standard() | {"webhook-signature": f"v1,{empty}"}, token)


@given(st.integers(0, len(BODY) * 8 - 1))
def test_a_flipped_bit_breaks_every_signature(bit: int) -> None:
    body = bytearray(BODY)
    body[bit // 8] ^= 1 << (bit % 8)
    for forge, headers, secret in GENUINE:
        if "X-Gitlab-Token" not in headers:
            assert not is_genuine(forge, headers, secret, body=bytes(body))


def is_push(
    forge: PushSender, headers: dict[str, str], body: bytes = BODY, ref: str | None = "refs/heads/main"
) -> bool:
    return push_webhooks.push_to(ref, forge, (JSON | headers).get, body) is not None


@pytest.mark.parametrize(
    ("forge", "headers"),
    [
        (PushSender.GITHUB, {"X-GitHub-Event": "push"}),
        (PushSender.GITLAB, {"X-Gitlab-Event": "Push Hook"}),
        (PushSender.GITLAB, {"X-Gitlab-Event": "System Hook"}),
        (PushSender.GITEA, {"X-Gitea-Event": "push"}),
        (PushSender.GITEA, {"X-Forgejo-Event": "push", "Content-Type": "application/json; charset=utf-8"}),
    ],
)
def test_a_push_counts_when_it_names_exactly_the_followed_branch(forge: PushSender, headers: dict[str, str]) -> None:
    assert is_push(forge, headers)
    assert is_push(forge, headers, json.dumps({"ref": "refs/heads/main", "deleted": True, "after": "0" * 40}).encode())
    for other in ("main", "refs/tags/main", "refs/heads/main2", "refs/heads/Main", "refs/heads/feature/main"):
        assert not is_push(forge, headers, json.dumps({"ref": other}).encode())
        assert is_push(forge, headers, json.dumps({"ref": other}).encode(), ref=None) == other.startswith("refs/heads/")


@pytest.mark.parametrize(
    ("forge", "headers"),
    [
        (PushSender.GITHUB, {"X-GitHub-Event": "pull_request"}),
        (PushSender.GITHUB, {}),
        (PushSender.GITLAB, {"X-Gitlab-Event": "Tag Push Hook"}),
        (PushSender.GITEA, {"X-Gitea-Event": "create"}),
    ],
)
def test_other_events_are_not_even_read(forge: PushSender, headers: dict[str, str]) -> None:
    assert not is_push(forge, headers, b"not json")


def test_a_system_hook_of_gitlab_tells_in_its_body_what_it_is() -> None:
    body = json.dumps({"ref": "refs/heads/main", "object_kind": "tag_push"}).encode()
    assert not is_push(PushSender.GITLAB, {"X-Gitlab-Event": "System Hook"}, body)


@pytest.mark.parametrize("event", ["project_create", "user_add_to_team", "key_create", "repository_update"])
def test_a_system_hook_without_a_ref_is_no_push(event: str) -> None:
    assert not is_push(PushSender.GITLAB, {"X-Gitlab-Event": "System Hook"}, json.dumps({"event_name": event}).encode())


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"ref": 7}', b"{}", b"[" * 100_000, b"\xff"])
def test_a_payload_that_cannot_be_read_is_an_error_of_its_own(body: bytes) -> None:
    with pytest.raises(UnreadablePayload):
        is_push(PushSender.GITHUB, {"X-GitHub-Event": "push"}, body)


def test_github_may_send_a_form_and_nobody_else() -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded", "X-GitHub-Event": "push"}
    body = b"payload=%7B%22ref%22%3A%20%22refs%2Fheads%2Fmain%22%7D"
    assert is_push(PushSender.GITHUB, form, body)
    with pytest.raises(UnreadablePayload):
        is_push(PushSender.GITHUB, form, b"other=1")
    with pytest.raises(UnsupportedMedia):
        is_push(PushSender.GITEA, form | {"X-Gitea-Event": "push"}, body)


@pytest.mark.parametrize(
    ("after", "commit"),
    [
        ("a" * 40, "a" * 40),
        ("b" * 64, "b" * 64),
        ("0" * 40, None),
        ("--upload-pack=x", None),
        ("a" * 41, None),
        ("a" * 40 + "\n", None),
        (7, None),
        (None, None),
    ],
)
def test_the_commit_that_a_push_names(after: object, commit: str | None) -> None:
    headers = {"X-GitHub-Event": "push", "Content-Type": "application/json"}
    body = json.dumps({"ref": "refs/heads/main", "after": after}).encode()
    push = push_webhooks.push_to("refs/heads/main", PushSender.GITHUB, headers.get, body)
    assert push is not None
    assert push.commit == commit


def test_a_delivery_is_new_once_in_a_day() -> None:
    seen = Deliveries()
    assert seen.is_new("github:1", NOW)
    assert not seen.is_new("github:1", NOW + timedelta(hours=24))
    assert seen.is_new("github:1", NOW + timedelta(hours=24, seconds=1))
    assert seen.is_new(None, NOW)
    assert seen.is_new(None, NOW)


def test_ids_are_remembered_within_bounds() -> None:
    seen = Deliveries()
    assert all(seen.is_new(str(number), NOW) for number in range(10_001))
    assert not seen.is_new("10000", NOW)
    assert seen.is_new("0", NOW)
    assert (
        push_webhooks.delivery(PushSender.GITHUB, {"X-GitHub-Delivery": "x" * 9000}.get, b"") == f"github:{'x' * 200}"
    )
