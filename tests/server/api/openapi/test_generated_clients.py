"""Clients that others' generators make of the document: without a warning, and of use against a runner."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from harness.api_fixtures import Checkout, Receiver, app_of, fill, settings_of, token_of
from harness.openapi_check import SPECIFICATION

from chronos_gitops.app import build
from chronos_gitops.server.api.openapi import generator
from chronos_gitops.server.wsgi import Server

SECRET, TOKEN = token_of("client", "read", "operate", "rollback")
BIN = Path(sys.executable).parent
NAMES = ["daily-backup", "failing", "nightly", "off"]
NODE_MODULES = BIN.parent / "node/node_modules"


@pytest.fixture
def address(tmp_path: Path, receiver: Receiver) -> Iterator[str]:
    """A runner of its own, with a token."""
    checkout = Checkout(tmp_path / "repo")
    fill(checkout, receiver.url)
    with build(settings_of(checkout, tmp_path / "data")) as service:
        server = Server(app_of(service, TOKEN), host="127.0.0.1", port=0)
        port = server.start()
        yield f"http://127.0.0.1:{port}"
        server.stop()


def generate(folder: Path, document: Any) -> str:
    """The output of ``openapi-python-client``; the package is in ``folder/runner_client``."""
    (folder / "openapi.json").write_text(json.dumps(document))
    command = [str(BIN / "openapi-python-client"), "generate", "--path", "openapi.json", "--meta", "none"]
    made = subprocess.run(
        [*command, "--output-path", "runner_client", "--overwrite", "--fail-on-warning"],
        cwd=folder, capture_output=True, text=True, env={"PATH": str(BIN), "NO_COLOR": "1"},
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout + made.stderr


@pytest.mark.parametrize("document", [SPECIFICATION, generator.without_callers(SPECIFICATION)], ids=["tokens", "none"])
def test_openapi_python_client_generates_without_a_warning(tmp_path: Path, document: Any) -> None:
    assert "warning" not in generate(tmp_path, document).lower()
    made = {path.stem for path in (tmp_path / "runner_client/api").glob("*/*.py")} - {"__init__"}
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    assert len(made) == len(operations)


def test_a_python_client_lists_triggers_rolls_back_and_reads_errors(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(tmp_path, SPECIFICATION)
    monkeypatch.syspath_prepend(str(tmp_path))

    def module(name: str) -> ModuleType:
        return importlib.import_module(f"runner_client.{name}")

    models = module("models")
    with module("client").AuthenticatedClient(base_url=address, token=SECRET) as client:
        listed = module("api.jobs.list_jobs").sync(client=client)
        assert [job.name for job in listed.items] == NAMES
        some = module("api.jobs.list_jobs").sync(
            client=client, fields=[models.ListJobsFieldsItem.NAME], sort=models.ListJobsSort.VALUE_1
        )
        assert isinstance(some, models.PartialList)
        assert [item.to_dict() for item in some.items] == [{"name": name} for name in NAMES[::-1]]
        triggered = module("api.jobs.trigger_job").sync_detailed("daily-backup", client=client)
        assert triggered.status_code == 202
        assert isinstance(triggered.parsed, models.TriggeredExecution)
        back = module("api.versions.roll_back").sync_detailed(
            "daily-backup", "1", client=client, body=models.RollbackRequest(reason="the newest one fails")
        )
        assert (back.status_code, type(back.parsed), back.parsed.version) == (201, models.Rollback, 4)
        missing = module("api.jobs.get_job").sync("daily-bakup", client=client)
        assert isinstance(missing, models.Problem)
        assert (missing.type_.value, missing.status) == ("/problems/not-found", 404)
    with module("client").Client(base_url=address) as anonymous:
        assert isinstance(module("api.jobs.list_jobs").sync(client=anonymous), models.Problem)


PROGRAM = """\
import createClient from "openapi-fetch";
import type { components, paths } from "./runner.js";

declare const process: { argv: string[] };
const [address, token] = process.argv.slice(2);
const runner = createClient<paths>({ baseUrl: address, headers: { Authorization: `Bearer ${token}` } });

async function main(): Promise<void> {
  const listed = await runner.GET("/api/v1/jobs", { params: { query: { limit: 2 } } });
  const jobs = listed.data as components["schemas"]["JobList"];
  const names: string[] = jobs.items.map(job => job.name);
  const some = await runner.GET("/api/v1/jobs", { params: { query: { fields: ["name"], sort: "-name" } } });
  const partial = some.data && "fields" in some.data ? some.data.items : [];
  const triggered = await runner.POST("/api/v1/jobs/{name}/trigger", { params: { path: { name: "daily-backup" } } });
  const execution = triggered.data as components["schemas"]["Execution"];
  const back = await runner.POST("/api/v1/jobs/{name}/rollback/{n}", {
    params: { path: { name: "daily-backup", n: "1" } },
    body: { reason: "the newest one fails" },
  });
  const rollback = back.data as components["schemas"]["Rollback"];
  const missing = await runner.GET("/api/v1/jobs/{name}", { params: { path: { name: "daily-bakup" } } });
  const problem: components["schemas"]["Problem"] | undefined = missing.error;
  console.log(JSON.stringify({
    names, job: execution.job, version: rollback.version, statuses: [triggered.response.status, back.response.status],
    problem: problem?.type, partial,
  }));
}
main();
"""
SETTINGS = {
    "strict": True,
    "exactOptionalPropertyTypes": True,
    "target": "es2022",
    "module": "nodenext",
    "lib": ["es2022", "dom", "dom.iterable"],
    "types": [],
}


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_typescript_client_lists_triggers_rolls_back_and_reads_errors(tmp_path: Path, address: str) -> None:
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": SETTINGS, "files": ["program.ts"]}))
    (tmp_path / "program.ts").write_text(PROGRAM)
    (tmp_path / "openapi.json").write_text(json.dumps(SPECIFICATION))
    said = run(tmp_path, "node_modules/.bin/openapi-typescript", "openapi.json", "-o", "runner.d.ts")
    assert not any(word in said.lower() for word in ("warn", "error", "⚠")), said
    run(tmp_path, "node_modules/.bin/tsc")
    assert json.loads(run(tmp_path, "node", "program.js", address, SECRET)) == {
        "names": ["daily-backup", "failing"],
        "job": "daily-backup",
        "version": 4,
        "statuses": [202, 201],
        "problem": "/problems/not-found",
        "partial": [{"name": name} for name in NAMES[::-1]],
    }
