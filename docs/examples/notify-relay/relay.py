"""Passes notifications of chronos-gitops on to PagerDuty, Opsgenie, ntfy or Microsoft Teams. Python 3.11, no packages.

Usage: RELAY_SECRET=whsec_... RELAY_KEY=... python relay.py pagerduty|opsgenie|ntfy|teams [PORT]

RELAY_SECRET is the signing secret of the channel (Standard Webhooks). RELAY_KEY is the routing key of PagerDuty, the
API key of Opsgenie, or an access token of ntfy. RELAY_URL replaces the address of the service; for ntfy RELAY_TOPIC
names the topic, and Teams has no other address than RELAY_URL, that of its workflow.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

Call = tuple[str, dict[str, str], dict[str, object]]
URLS = {
    "pagerduty": "https://events.pagerduty.com/v2/enqueue",
    "opsgenie": "https://api.opsgenie.com/v2/alerts",
    "ntfy": "https://ntfy.sh",
}
TOLERANCE_S = 300


def pagerduty(event: dict, incident: str, url: str, key: str) -> Call:
    """Events API v2."""
    data = event["data"]
    links = [{"href": href, "text": word} for word, href in data.get("links", {}).items()]
    payload = {
        "summary": data["title"][:1024],
        "source": source(data),
        "severity": "error",
        "timestamp": event["timestamp"],
    }
    payload["custom_details"] = {"text": data["text"], "type": event["type"]}
    action = "resolve" if is_over(event) else "trigger"
    body = {"routing_key": key, "event_action": action, "dedup_key": incident, "payload": payload, "links": links}
    return url, {}, body


def opsgenie(event: dict, incident: str, url: str, key: str) -> Call:
    """Alert API: an alert by its alias, closed at the end."""
    data, headers = event["data"], {"Authorization": f"GenieKey {key}"}
    if is_over(event):
        close = f"{url}/{quote(incident, safe='')}/close?identifierType=alias"
        return close, headers, {"source": "chronos-gitops", "note": data["title"]}
    body = {"message": data["title"][:130], "alias": incident, "description": data["text"][:15000]}
    tags = [f"{name}:{value}"[:50] for name, value in data.get("tags", {}).items()]
    body |= {"source": "chronos-gitops", "entity": source(data), "tags": tags[:20], "details": data.get("links", {})}
    return url, headers, body


def ntfy(event: dict, incident: str, url: str, key: str) -> Call:  # noqa: ARG001 - ntfy has no incidents
    """Publishing as JSON."""
    data = event["data"]
    body = {"topic": os.environ["RELAY_TOPIC"], "title": data["title"][:250], "message": data["text"][:4000]}
    body |= {
        "priority": 3 if is_over(event) else 4,
        "tags": ["white_check_mark" if is_over(event) else "rotating_light"],
    }
    click = next(iter(data.get("links", {}).values()), None)
    return url, {"Authorization": f"Bearer {key}"} if key else {}, body | ({"click": click} if click else {})


def teams(event: dict, incident: str, url: str, key: str) -> Call:  # noqa: ARG001 - a workflow has no incidents
    """An Adaptive Card for a workflow that posts to a channel."""
    data = event["data"]
    color = "Good" if is_over(event) else "Attention"
    title = {"type": "TextBlock", "text": plain(data["title"]), "weight": "Bolder", "wrap": True, "color": color}
    lines = [{"type": "TextBlock", "text": plain(line), "wrap": True} for line in data["text"].splitlines()]
    actions = [{"type": "Action.OpenUrl", "title": word, "url": href} for word, href in data.get("links", {}).items()]
    card = {"type": "AdaptiveCard", "version": "1.4", "body": [title, *lines], "actions": actions}
    card["$schema"] = "http://adaptivecards.io/schemas/adaptive-card.json"
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return url, {}, {"type": "message", "attachments": [attachment]}


def is_over(event: dict) -> bool:
    return event["type"].endswith(".recovered")


def source(data: dict) -> str:
    return data.get("job") or data.get("repository") or "chronos-gitops"


def plain(text: str) -> str:
    """Texts of commits and errors are no Markdown."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]()#" else letter for letter in text)


def is_genuine(secret: str, headers: dict, body: bytes, now: float) -> bool:
    """Standard Webhooks: HMAC-SHA256 over id, time and body."""
    message_id, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent_at.isdecimal() or abs(now - int(sent_at)) > TOLERANCE_S:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{sent_at}.".encode() + body, hashlib.sha256).digest()
    expected = f"v1,{base64.b64encode(digest).decode()}"
    return any(hmac.compare_digest(expected, given) for given in headers.get("webhook-signature", "").split())


class Relay(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 1_000_000))
        if not is_genuine(os.environ["RELAY_SECRET"], self.headers, body, time.time()):
            return self.answer(401)
        event, service = json.loads(body), sys.argv[1]
        incident = event["data"].get("incident") or self.headers["webhook-id"]
        url = os.environ.get("RELAY_URL") or URLS[service]
        call = SERVICES[service](event, incident, url, os.environ.get("RELAY_KEY", ""))
        return self.answer(sent(*call))

    def answer(self, status: int) -> None:
        """The runner tries again later, unless it is 2xx."""
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Addresses of workflows are secrets."""


def sent(url: str, headers: dict[str, str], body: dict[str, object]) -> int:
    content = json.dumps(body).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json", **headers}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10):
            return 204
    except (urllib.error.URLError, TimeoutError) as error:
        sys.stderr.write(f"{sys.argv[1]} did not take it: {getattr(error, 'code', type(error).__name__)}\n")
        return 502


SERVICES = {"pagerduty": pagerduty, "opsgenie": opsgenie, "ntfy": ntfy, "teams": teams}

if __name__ == "__main__":
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 9100
    ThreadingHTTPServer(("127.0.0.1", port), Relay).serve_forever()
