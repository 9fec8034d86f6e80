"""The relay of the how-to: real signed deliveries, translated into the documented payloads of each service.

The schemas here are the documented shapes: PagerDuty's Events API v2, Opsgenie's Alert API (create and close), ntfy's
"publish as JSON", and the message of a Teams workflow with an Adaptive Card.
"""

import base64
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from harness.engine_harness import eventually
from harness.servers import Hostile, answer, answering
from jsonschema import Draft7Validator

from chronos_gitops.config.channels import Channel, SecretValue, WebhookChannel
from chronos_gitops.config.settings import Settings
from chronos_gitops.notifications.message import Notification
from chronos_gitops.notifications.transports.http import NotificationSender, NotSent

RELAY = Path(__file__).parents[2] / "docs/examples/notify-relay/relay.py"
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"x" * 32).decode()
TEXT = {"type": "string", "minLength": 1}


def shape(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    properties = required | optional
    return {"type": "object", "required": [*required], "properties": properties, "additionalProperties": False}


LINK = shape({"href": {"type": "string", "pattern": "^https?://"}, "text": TEXT})
PAYLOAD = shape(
    {
        "summary": TEXT | {"maxLength": 1024},
        "source": TEXT,
        "severity": {"enum": ["critical", "warning", "error", "info"]},
        "timestamp": TEXT,
    },
    custom_details={"type": "object"},
)
TEXT_BLOCK = shape(
    {"type": {"const": "TextBlock"}, "text": TEXT},
    weight={"enum": ["Default", "Lighter", "Bolder"]},
    wrap={"type": "boolean"},
    color={"enum": ["Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"]},
)
OPEN_URL = shape({"type": {"const": "Action.OpenUrl"}, "title": TEXT, "url": TEXT})
CARD = shape(
    {
        "type": {"const": "AdaptiveCard"},
        "version": {"enum": ["1.2", "1.3", "1.4"]},
        "body": {"type": "array", "items": TEXT_BLOCK, "minItems": 1},
    },
    actions={"type": "array", "items": OPEN_URL, "maxItems": 6},
    **{"$schema": {"const": "http://adaptivecards.io/schemas/adaptive-card.json"}},
)
ATTACHMENT = shape(
    {"contentType": {"const": "application/vnd.microsoft.card.adaptive"}, "content": CARD},
    contentUrl={"type": "null"},
)
SCHEMAS: dict[str, dict[str, Any]] = {
    "pagerduty": shape(
        {
            "routing_key": TEXT,
            "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
            "dedup_key": TEXT | {"maxLength": 255},
            "payload": PAYLOAD,
        },
        links={"type": "array", "items": LINK},
    ),
    "opsgenie": shape(
        {"message": TEXT | {"maxLength": 130}},
        alias=TEXT | {"maxLength": 512},
        description={"type": "string", "maxLength": 15000},
        source={"type": "string", "maxLength": 100},
        entity={"type": "string", "maxLength": 512},
        tags={"type": "array", "maxItems": 20, "items": TEXT | {"maxLength": 50}},
        details={"type": "object", "additionalProperties": {"type": "string"}},
    ),
    "opsgenie close": shape({}, source={"type": "string", "maxLength": 100}, note={"type": "string"}),
    "ntfy": shape(
        {"topic": TEXT},
        title={"type": "string"},
        message={"type": "string", "maxLength": 4096},
        priority={"type": "integer", "minimum": 1, "maximum": 5},
        tags={"type": "array", "items": TEXT},
        click={"type": "string", "format": "uri"},
    ),
    "teams": shape(
        {"type": {"const": "message"}, "attachments": {"type": "array", "items": ATTACHMENT, "minItems": 1}}
    ),
}
LETTER = Notification(
    "message-1",
    "incident-1",
    "job.failing",
    datetime(2026, 3, 8, tzinfo=UTC),
    "daily-backup is failing *now*",
    ("Since: 2026-03-08 02:00:00 UTC, 1 run", "Error: status 503"),
    (("job", "https://chronos.example.com/jobs/daily-backup"),),
    {
        "job": "daily-backup",
        "tags": {"team": "platform"},
        "incident": "incident-1",
        "links": {"job": "https://chronos.example.com/jobs/daily-backup"},
    },
)
OVER = Notification(
    "message-2", "incident-1", "job.recovered", LETTER.at, "daily-backup works again", ("It failed.",), (), LETTER.data
)
TEST = Notification("message-3", "message-3", "test", LETTER.at, "a test", ("Nothing is wrong.",), (), {"test": True})
Send = Callable[[Notification], None]


@contextmanager
def relayed(service: str, target: str, data: Path, *, secret: str = SECRET) -> Iterator[Send]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = {"RELAY_SECRET": SECRET, "RELAY_KEY": "the-key", "RELAY_URL": target, "RELAY_TOPIC": "ops"}
    command = [sys.executable, str(RELAY), service, str(port)]
    process = subprocess.Popen(command, env={**os.environ, **given}, stderr=subprocess.DEVNULL)
    sender = NotificationSender.of(Settings("r", data), lambda: datetime.now(UTC))
    channel = Channel("oncall", WebhookChannel(SecretValue(f"http://127.0.0.1:{port}/"), SecretValue(secret)))

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        eventually(listens, 20)
        yield lambda letter: sender.send(channel, letter)
    finally:
        process.terminate()
        process.wait(10)


def valid(schema: str, body: bytes) -> Any:
    document = json.loads(body)
    Draft7Validator(SCHEMAS[schema]).validate(document)
    return document


@pytest.mark.parametrize("service", ["pagerduty", "opsgenie", "ntfy", "teams"])
def test_every_notification_has_the_shape_that_the_service_documents(service: str, data_folder: Path) -> None:
    with Hostile(answering(answer("202 Accepted"))) as target, relayed(service, target.url("/v2"), data_folder) as send:
        for letter in (LETTER, OVER, TEST):
            send(letter)
        heads, bodies = target.heads, target.bodies
    over = f"{service} close" if service == "opsgenie" else service
    failing, recovered, _ = valid(service, bodies[0]), valid(over, bodies[1]), valid(service, bodies[2])
    if service == "pagerduty":
        assert [(one["event_action"], one["dedup_key"]) for one in (failing, recovered)] == [
            ("trigger", "incident-1"),
            ("resolve", "incident-1"),
        ]
    if service == "opsgenie":
        assert failing["alias"] == "incident-1"
        assert heads[1].startswith(b"POST /v2/incident-1/close?identifierType=alias HTTP/1.1")
        assert b"GenieKey the-key" in heads[0]
    if service == "ntfy":
        assert (failing["topic"], failing["priority"], recovered["priority"]) == ("ops", 4, 3)
    if service == "teams":
        assert failing["attachments"][0]["content"]["body"][0]["text"] == r"daily-backup is failing \*now\*"


def test_a_forged_notification_goes_nowhere(data_folder: Path) -> None:
    with (
        Hostile(answering(answer("202 Accepted"))) as target,
        relayed("pagerduty", target.url(), data_folder, secret=OTHER) as send,
    ):
        with pytest.raises(NotSent, match="401"):
            send(LETTER)
        assert target.heads == []


def test_a_service_that_refuses_it_is_tried_again(data_folder: Path) -> None:
    with (
        Hostile(answering(answer("429 Too Many Requests"))) as target,
        relayed("teams", target.url(), data_folder) as send,
        pytest.raises(NotSent, match="502"),
    ):
        send(LETTER)


def test_the_page_names_every_service_and_the_file() -> None:
    page = (RELAY.parents[2] / "how-to/notify-on-call.md").read_text()
    for service in ("pagerduty", "opsgenie", "ntfy", "teams"):
        assert f"python relay.py {service} 9100" in page
