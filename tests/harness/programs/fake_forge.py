"""A forge on loopback that keeps statuses and requests, and judges each call by the published OpenAPI document of its
kind (tests/forge/documents): a call that the document does not have is answered 400 and listed in ``faults``."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema import Draft202012Validator

DOCUMENTS = Path(__file__).parents[2] / "forge/documents"
TOKEN = "forge-token-0123456789"
REPOSITORY = {"github": "acme/jobs", "gitea": "acme/jobs", "gitlab": "acme/ops/jobs"}
_AUTHORIZATION = {"github": f"Bearer {TOKEN}", "gitlab": f"Bearer {TOKEN}", "gitea": f"token {TOKEN}"}


Answer = tuple[int, Mapping[str, str], Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One judged request: ``values`` are those of its path, query and body."""

    operation: str
    values: Mapping[str, Any]


@dataclass
class FakeForge:
    """``with FakeForge("github") as forge``. ``reply`` may answer first: a status, headers and a document, or None."""

    kind: str
    calls: list[Call] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    reply: Callable[[Call], Answer | None] = lambda call: None  # noqa: ARG005

    def __post_init__(self) -> None:
        self._document = json.loads((DOCUMENTS / f"{self.kind}.json").read_text())
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._lock = threading.Condition()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def statuses(self) -> list[dict[str, Any]]:
        """Those that were posted, oldest first, with GitHub's names."""
        posted = [call.values for call in self.calls if "sha" in call.values]
        names = {"context": "name"} if self.kind == "gitlab" else {}
        return [
            {
                "sha": one["sha"],
                "state": {"failed": "failure"}.get(one["state"], one["state"]),
                "description": one["description"],
                "context": one[names.get("context", "context")],
                "target_url": one.get("target_url"),
            }
            for one in posted
        ]

    def wait_for(self, holds: Callable[["FakeForge"], bool], timeout: float = 60.0) -> None:
        with self._lock:
            assert self._lock.wait_for(lambda: holds(self), timeout), (self.calls, self.faults)

    def answer(
        self, method: str, target: str, authorization: str, content: bytes
    ) -> tuple[int, Mapping[str, str], Any]:
        with self._lock:
            self._lock.notify_all()
            if authorization != _AUTHORIZATION[self.kind]:
                return 401, {}, {"message": "Bad credentials"}
            try:
                call = self._judged(method, target, content)
            except ValueError as error:
                self.faults.append(f"{method} {target}: {error}")
                return 400, {}, {"message": str(error)}
            self.calls.append(call)
            return self.reply(call) or self._kept(call)

    def _judged(self, method: str, target: str, content: bytes) -> Call:
        """ValueError where the published document does not have such a call."""
        parts = urlsplit(target)
        base = self._document["servers"][0]["url"].rstrip("/")
        for path, operations in self._document["paths"].items():
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(f"{base}{path}"))
            found = re.fullmatch(pattern, parts.path)
            operation = operations.get(method.lower())
            if found is None or operation is None:
                continue
            query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
            given = {name: unquote(value) for name, value in found.groupdict().items()}
            _check_parameters(operation["parameters"], given, query)
            return Call(operation["operationId"], given | query | _body(operation, content))
        raise ValueError("there is no such operation")

    def _kept(self, call: Call) -> Answer:
        values = call.values
        if "sha" in values:
            return 201, {}, {"id": len(self.calls)}
        head, base = self._branches(values)
        there = next((one for one in self.requests if one["branches"] == (head, base) and one["is_open"]), None)
        if "title" in values:
            if there is not None:
                return 422 if self.kind == "github" else 409, {}, {"message": "it exists already"}
            number = len(self.requests) + 1
            self.requests.append({"branches": (head, base), "is_open": True, "number": number, **values})
            return 201, {}, self._shown(self.requests[-1])
        if self.kind == "gitea":
            return (200, {}, self._shown(there)) if there else (404, {}, {"message": "not found"})
        return 200, {}, [self._shown(there)] if there else []

    def _branches(self, values: Mapping[str, Any]) -> tuple[str, str]:
        if self.kind == "gitlab":
            return values["source_branch"], values["target_branch"]
        return values["head"].removeprefix("acme:"), values["base"]

    def _shown(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        number = request["number"]
        url = f"https://forge.example.com/acme/jobs/pull/{number}"
        if self.kind == "gitlab":
            return {"iid": number, "web_url": url, "state": "opened"}
        return {"number": number, "html_url": url, "state": "open"}


def _check_parameters(declared: list[Any], path: Mapping[str, str], query: Mapping[str, str]) -> None:
    known = {one["name"]: one for one in declared if one["in"] == "query"}
    for name, value in query.items():
        if name not in known:
            raise ValueError(f"there is no parameter {name}")
        kind = known[name]["schema"].get("type")
        _conform(int(value) if kind == "integer" else value, known[name]["schema"], name)
    for one in declared:
        if one["in"] == "path":
            _conform(path[one["name"]], one["schema"], one["name"])


def _body(operation: Mapping[str, Any], content: bytes) -> dict[str, Any]:
    if "requestBody" not in operation:
        if content:
            raise ValueError("it takes no body")
        return {}
    found = json.loads(content)
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    _conform(found, schema, "body")
    unknown = found.keys() - schema["properties"].keys()
    if unknown:
        raise ValueError(f"there is no {', '.join(unknown)} in its body")
    return dict(found)


def _conform(value: Any, schema: Mapping[str, Any], where: str) -> None:
    error = next(iter(Draft202012Validator(schema).iter_errors(value)), None)
    if error is not None:
        raise ValueError(f"{where}: {error.message}")


def _handler(forge: FakeForge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        def _answer(self, content: bytes) -> None:
            code, headers, document = forge.answer(
                self.command, self.path, self.headers.get("Authorization", ""), content
            )
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(code)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing of the fake's own is printed."""

    return Handler
