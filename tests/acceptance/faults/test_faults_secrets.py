"""Canary secrets, a receiver that echoes them, and an error at every failpoint: they appear nowhere."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository
from harness.servers import Connection, Hostile

CANARIES = {
    "from-environment": 'Kanarie/7f3a+ÿ"quoted"&9c21',
    "from-file": "canary-file-5d1e0b77a2",
    "in-the-url": "canary url 88ab/41?x=2",
}
LITERAL = "l1teral-canary-6620f1"
STRUCK = ("before-claim-commit", "after-claim", "before-send", "after-send", "before-record")
PAGES = ("/", "/jobs/{job}", "/health", "/readyz?verbose", "/metrics", "/api/v1/openapi.json")


async def echo(connection: Connection) -> None:
    """Says everything back, the header in the body too, under a status that is retried, failed or fine in turn."""
    while True:
        request = await connection.request()
        status = ("500 Oops", "404 Gone", "200 OK")[len(connection.server.heads) % 3]
        reply = b"you said: " + request
        await connection.send(
            f"HTTP/1.1 {status}\r\nX-Echo: 1\r\nContent-Length: {len(reply)}\r\n\r\n".encode() + reply
        )


def job_file(name: str, url: str, auth: dict[str, str]) -> str:
    webhook = {
        "url": f"{url}/?key=${{secret:in-the-url}}",
        "method": "POST",
        "headers": {"X-Canary": "${secret:from-file}"},
        "body": '{"value": "${secret:from-environment}"}',
        "auth": auth,
    }
    return json.dumps(
        {
            "name": name,
            "schedule": "* * * * * *",
            "enabled": True,
            "concurrency": "allow",
            "retry_policy": {"max_attempts": 2, "initial_interval": "100ms"},
            "webhook": webhook,
        }
    )


AUTHS = {
    "by-bearer": {"type": "bearer", "token": "${secret:from-file}"},
    "by-basic": {"type": "basic", "username": "ada", "password": "${secret:from-environment}"},
    "by-hmac": {"type": "hmac", "secret": "${secret:from-file}"},
    "by-literal": {"type": "api_key", "api_key": LITERAL},
}


def spellings(value: str) -> Iterator[bytes]:
    raw = value.encode()
    yield from (raw, quote(value, safe="").encode(), json.dumps(value)[1:-1].encode())
    yield from (base64.b64encode(raw), base64.b64encode(b"ada:" + raw))


def leaks(content: bytes, *, literal: bool = True) -> list[str]:
    found = [name for name, value in CANARIES.items() if any(form in content for form in spellings(value))]
    return [*found, "literal"] if literal and LITERAL.encode() in content else found


def command_lines(root: int) -> bytes:
    """Of the runner and everything it started that still runs."""
    found = b""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if int(entry.name) == root or parent == root:
                found += (entry / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended meanwhile
    return found


def answers(runner: Runner) -> Iterator[tuple[str, bytes]]:
    """Every page and every answer of the API that there is something to say in."""
    paths = ["/api/v1/jobs", "/api/v1/executions?limit=1000", "/api/v1/sync"]
    paths += [page.format(job=name) for page in PAGES for name in AUTHS]
    for name in AUTHS:
        base = f"/api/v1/jobs/{name}"
        paths += [base, f"{base}/versions", f"{base}/versions/1", f"{base}/executions?at=2026-01-01"]
        newest = runner.get(f"/jobs/{name}/executions?limit=40")["items"]
        paths += [f"/api/v1/executions/{item['id']}" for item in newest]
        paths += [f"/executions/{newest[0]['id']}"] if newest else []
        dry = runner.client.post(f"/jobs/{name}/trigger", json={"dry_run": True})
        yield f"{name} rehearsed", dry.content
    for path in dict.fromkeys(paths):
        yield path, runner.client.get(f"{runner.address}{path}").content


@pytest.mark.timeout(120)
def test_canary_secrets_appear_nowhere(tmp_path: Path, data_folder: Path) -> None:
    """Takes some ten seconds: a runner for each failpoint, on real ticks."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("from-file", "in-the-url"):
        (secrets / name).write_text(CANARIES[name])
    environ = {"CHRONOS_SECRETS_FOLDER": str(secrets), "CHRONOS_SECRET_FROM_ENVIRONMENT": CANARIES["from-environment"]}
    repository = Repository.init(tmp_path / "repo")
    said: dict[str, bytes] = {}
    with Hostile(echo) as server:
        for name, auth in AUTHS.items():
            repository.write(f"jobs/{name}.yaml", job_file(name, server.url(""), auth))
        repository.commit("Add canaries")
        for point in STRUCK:
            enough = len(server.heads) + 12
            armed = environ | {"CHRONOS_FAILPOINT": f"{point}:fail@3", "CHRONOS_LOG_LEVEL": "debug"}
            with Runner(str(repository.root), data=data_folder, environ=armed) as runner:
                for name in AUTHS:
                    triggered = runner.client.post(f"/jobs/{name}/trigger")
                    said[f"{point} {name} triggered"] = triggered.content
                assert server.wait_for(lambda server, enough=enough: len(server.heads) >= enough, 20)
                said |= {f"{point} {path}": content for path, content in answers(runner)}
                said[f"{point} command lines"] = command_lines(runner.process.pid)
                assert runner.stop() == 0
            said[f"{point} log"] = "".join(runner.lines).encode()
            struck = [where for where, content in said.items() if where.startswith(point) and b"failpoint" in content]
            assert struck, f"{point} has not struck"
    everything = b"".join(server.heads + server.bodies)
    assert set(leaks(everything)) == {*CANARIES, "literal"}, "the receiver did get each of them"
    assert [(where, found) for where, content in said.items() if (found := leaks(content))] == []
    # What is a literal in git is a literal in the ledger's definitions, too: git keeps it anyway.
    stored = {path.name: path.read_bytes() for path in data_folder.rglob("*") if path.is_file()}
    assert {"ledger.db", "runner.lock"} <= stored.keys()
    assert [(name, found) for name, content in stored.items() if (found := leaks(content, literal=False))] == []
    print(f"0 occurrences of {len(CANARIES) + 1} canaries in {len(said)} answers and {len(stored)} files")
