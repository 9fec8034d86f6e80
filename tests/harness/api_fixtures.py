"""Real git, a real receiver, and a client that holds every answer to the OpenAPI document."""

import dataclasses
import hashlib
import json
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from harness.openapi_check import check_answer, conform, operation_of
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from chronos_gitops.config.model import Token
from chronos_gitops.config.settings import Settings
from chronos_gitops.server.api import budgets
from chronos_gitops.server.web.app import create_app
from chronos_gitops.service import Service

XSS = '<script>alert("x")</script>'


class Checkout:
    """A git repository with a jobs folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        return subprocess.run(["git", "-C", str(self.path), *words], check=True, capture_output=True, text=True).stdout

    def write(self, name: str, text: str, *, folder: str = "jobs") -> None:
        file = self.path / folder / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def remove(self, name: str) -> None:
        (self.path / "jobs" / f"{name}.yaml").unlink()

    def commit(self, message: str) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD").strip()


class Receiver(ThreadingHTTPServer):
    """Answers 200, or the status that the path ends with; ``/hold`` answers when ``release`` is set."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.release = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_GET(self) -> None:
        if self.path.startswith("/hold"):
            self.server.release.wait(20)
        last = self.path.rpartition("/")[2]
        self.send_response(int(last) if last.isdigit() else 200)
        self.end_headers()
        self.wfile.write(b"<b>answered</b>")

    do_POST = do_GET

    def log_message(self, *words: object) -> None:
        pass


class CheckedClient(FlaskClient):
    """Every answer has the shape the document gives it, and the headers every answer has."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        response = super().open(*args, **{"buffered": True} | kwargs)
        check(self.application, response)
        return response


def check(app: Flask, response: TestResponse) -> None:
    request = response.request
    assert response.headers["X-Request-ID"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    if request.method == "HEAD":
        return
    rule = _rule(app, request.path, request.method)
    is_error = response.status_code >= 400 and not (response.status_code == 503 and "health" in (rule or "health"))
    if is_error and response.mimetype != "text/html" and rule not in ("/livez", "/readyz", "/health"):
        assert response.mimetype == "application/problem+json"
        conform(response.get_json(), {"$ref": "#/components/schemas/Problem"}, request.path)
    operation = operation_of(rule, request.method)
    if operation is not None:
        check_answer(operation, response, request.path)


def _rule(app: Flask, path: str, method: str) -> str | None:
    try:
        rule, _ = app.url_map.bind("localhost").match(path, method, return_rule=True)
    except HTTPException:
        return None
    return str(rule.rule)


def job_yaml(name: str, url: str, **fields: Any) -> str:
    document = {"name": name, "schedule": "0 2 * * *", "enabled": True, "webhook": {"url": url}} | fields
    return json.dumps(document, indent=1) + "\n"


def token_of(name: str, *roles: str) -> tuple[str, Token]:
    secret = f"secret-of-{name}"
    return secret, Token(name, hashlib.sha256(secret.encode()).hexdigest(), frozenset(roles))


def app_of(service: Service, *tokens: Token, **settings: Any) -> Flask:
    """The application over the service, with these tokens and settings."""
    if tokens or settings:
        changed = settings | ({"tokens": tokens} if tokens else {})
        service = dataclasses.replace(service, settings=dataclasses.replace(service.settings, **changed))
    app = create_app(service)
    budgets.install(app, budgets.Limits(rate=1e6, burst=1e6, writes=1e6))  # tests ask whole tables of routes at once
    app.test_client_class = CheckedClient
    return app


def eventually(question: Callable[[], Any], *, seconds: float = 10.0) -> Any:
    """The first true answer; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return answer


def finished(client: FlaskClient, execution_id: str) -> dict[str, Any]:
    def final() -> Any:
        found = client.get(f"/api/v1/executions/{execution_id}").get_json()
        return found if found["status"] not in ("pending", "running") else None

    return dict(eventually(final))


def fill(checkout: Checkout, url: str) -> None:
    """Four jobs; ``daily-backup`` has three versions, ``retired`` was deleted in its second."""
    checkout.write("daily-backup", job_yaml("daily-backup", f"{url}/v1", tags={"team": "backend"}))
    checkout.write("retired", job_yaml("retired", url))
    checkout.commit("Add jobs")
    checkout.write("daily-backup", job_yaml("daily-backup", f"{url}/v2", tags={"team": "backend"}))
    checkout.commit(f"Move the backup {XSS}")
    tags = {"team": "backend", "environment": "production"}
    checkout.write("daily-backup", job_yaml("daily-backup", f"{url}/v3", tags=tags, schedule="30 3 * * *"))
    checkout.write("failing", job_yaml("failing", f"{url}/400", description=f"Fails {XSS}", concurrency="allow"))
    checkout.write("off", job_yaml("off", url, enabled=False, tags={"team": "backend"}))
    checkout.write("web/nightly", job_yaml("nightly", url, tags={"team": "frontend"}))
    checkout.remove("retired")
    checkout.commit("More jobs, one less\n\nWith a body.")


def settings_of(checkout: Checkout, data: Path) -> Settings:
    return Settings(repo=str(checkout.path), data=data)
