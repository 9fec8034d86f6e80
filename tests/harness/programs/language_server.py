"""A client of yaml-language-server, as an editor is one: JSON-RPC over its standard input and output."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class LanguageServer:
    """Errors of files as the server publishes them, with one schema for all of them, or a workspace with its own."""

    def __init__(
        self, command: Sequence[str], schema: Path | Mapping[str, Sequence[str]], root: Path | None = None
    ) -> None:
        workspace = None if root is None else [{"uri": root.as_uri(), "name": root.name}]
        self._settings = {
            "yaml": {
                "validate": True,
                "completion": True,
                "yamlVersion": "1.2",
                "schemaStore": {"enable": False},
                "schemas": {schema.as_uri(): "*.yaml"} if isinstance(schema, Path) else dict(schema),
            },
            "http": {},
            "[yaml]": {},
        }
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        about = {
            "processId": None,
            "rootUri": None if root is None else root.as_uri(),
            "capabilities": _CAPABILITIES,
            "workspaceFolders": workspace,
        }
        self._send("initialize", id=0, params=about)
        self._until(lambda message: message.get("id") == 0 and "result" in message)
        self._send("initialized", params={})
        self._send("workspace/didChangeConfiguration", params={"settings": self._settings})

    def errors(self, path: Path) -> list[str]:
        """The errors that an editor would underline in red."""
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": path.read_text("utf-8")}
        self._send("textDocument/didOpen", params={"textDocument": document})
        found = self._until(
            lambda message: (
                message.get("method") == "textDocument/publishDiagnostics"
                and message["params"]["uri"].endswith(f"/{path.parent.name}/{path.name}")
            )
        )
        return [one["message"] for one in found["params"]["diagnostics"] if one.get("severity", 1) == 1]

    def completions(self, path: Path, line: int, column: int) -> set[str]:
        """The completions of an editor at the place, counted from 0, of a file whose errors were asked for."""
        place = {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": column}}
        self._send("textDocument/completion", id=7, params=place)
        answer = self._until(lambda message: message.get("id") == 7 and "method" not in message)
        return {item["label"] for item in answer["result"]["items"]}

    def close(self) -> None:
        self._server.kill()
        self._server.communicate()

    def _send(self, method: str | None = None, **fields: Any) -> None:
        content = json.dumps({"jsonrpc": "2.0"} | ({"method": method} if method else {}) | fields).encode()
        assert self._server.stdin is not None
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))
        self._server.stdin.flush()

    def _until(self, is_wanted: Any) -> Mapping[str, Any]:
        """The first message that is wanted; questions of the server are answered on the way."""
        while True:
            message = self._receive()
            if is_wanted(message):
                return message
            if "id" in message and "method" in message:
                items = message.get("params", {}).get("items", [])
                self._send(id=message["id"], result=[self._settings.get(item.get("section")) for item in items])

    def _receive(self) -> dict[str, Any]:
        assert self._server.stdout is not None
        length = 0
        while (line := self._server.stdout.readline()) != b"\r\n":
            assert line, "the server has ended"
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        found: dict[str, Any] = json.loads(self._server.stdout.read(length))
        return found


_CAPABILITIES = {
    "textDocument": {"publishDiagnostics": {}, "synchronization": {}},
    "workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}},
}
