"""A secret that is rotated between a success and a failure, through the whole runner."""

import html
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, eventually, finished, job_yaml, settings_of
from harness.servers import Connection, Hostile, answer

from chronos_gitops.app import build
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.engine.sql.store import queries
from chronos_gitops.service import Service

CANARIES = "canary-of-the-first-value", "canary-of-the-second-value"
ROTATED = 1_795_828_327.0  # 2026-11-28T01:12:07Z
NOTHING_ELSE = "No commit changed the job since then, and nothing else that is watched changed."
ROTATION = "No commit changed the job since then; the secret backup-token changed at 2026-11-28T01:12:07Z."


class Target:
    """Answers with its status."""

    def __init__(self) -> None:
        self.status = "200 OK"
        self.server = Hostile(self.talk)

    async def talk(self, connection: Connection) -> None:
        while await connection.request():
            await connection.send(answer(self.status))


@pytest.fixture
def target() -> Iterator[Target]:
    target = Target()
    with target.server:
        yield target


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "repo")


@pytest.fixture
def runner(checkout: Checkout, tmp_path: Path, target: Target, secrets: Path) -> Iterator[Service]:
    webhook = {"url": target.server.url(), "headers": {"X-Token": "${secret:backup-token}"}}
    checkout.write("daily-backup", job_yaml("daily-backup", "", webhook=webhook, retry_policy={"max_attempts": 1}))
    checkout.commit("Add a job")
    with build(replace(settings_of(checkout, tmp_path / "data"), secrets_folder=secrets)) as service:
        yield service


def write(folder: Path, value: str, at: float = ROTATED) -> None:
    (folder / "backup-token").write_text(value)
    os.utime(folder / "backup-token", (at, at))


def run(client: FlaskClient, status: str) -> dict[str, Any]:
    started = client.post("/api/v1/jobs/daily-backup/trigger").get_json()
    found = finished(client, started["id"])
    assert found["status"] == status
    return found


@pytest.mark.parametrize(("second", "sentence"), [(CANARIES[0], NOTHING_ELSE), (CANARIES[1], ROTATION)])
def test_a_failure_names_the_secret_that_changed_since_the_last_success(
    runner: Service, target: Target, secrets: Path, tmp_path: Path, second: str, sentence: str
) -> None:
    client = app_of(runner).test_client()
    write(secrets, CANARIES[0], ROTATED - 86_400)
    good = run(client, "success")
    assert good["changed"] is None
    write(secrets, second)
    target.status = "401 Unauthorized"
    failed = run(client, "failed")
    is_rotated = second != CANARIES[0]
    assert [(one["what"], one["name"]) for one in failed["changed"]] == [("secret", "backup-token")] * is_rotated
    assert failed["context"]["secrets"] == {"backup-token": {"changed_at": "2026-11-28T01:12:07Z"}}
    page = client.get(f"/executions/{failed['id']}").get_data(as_text=True)
    assert sentence in page
    engine = runner.engine
    assert isinstance(engine, SqlEngine)
    kept = engine.store.read(lambda session: session.execute(queries.ATTEMPTS, {"id": failed["id"]}).fetchall())
    fingerprint = engine.execution(failed["id"]).attempts[-1].observed.secrets["backup-token"].fingerprint  # type: ignore[union-attr]
    assert fingerprint in kept[0]["context"]
    shown = page + str(failed)
    assert fingerprint not in shown
    stored = b"".join(file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file())
    for canary in CANARIES:
        assert canary not in shown + kept[0]["context"]
        assert canary.encode() not in stored


def test_commits_come_before_what_else_changed(
    runner: Service, target: Target, secrets: Path, checkout: Checkout
) -> None:
    client = app_of(runner).test_client()
    write(secrets, CANARIES[0], ROTATED - 86_400)
    run(client, "success")
    write(secrets, CANARIES[1])
    target.status = "401 Unauthorized"
    file = checkout.path / "jobs" / "daily-backup.yaml"
    file.write_text(file.read_text().replace("0 2 * * *", "0 3 * * *"))
    revision = checkout.commit("Run later")
    runner.follower.sync()
    eventually(lambda: client.get("/api/v1/jobs/daily-backup").get_json()["version"] == 2)
    failed = run(client, "failed")
    page = client.get(f"/executions/{failed['id']}").get_data(as_text=True)
    besides = "Besides: the secret backup-token changed at 2026-11-28T01:12:07Z."
    said = client.get(f"/api/v1/executions/{failed['id']}").get_json()["since_success"]
    assert html.escape(said) in page
    assert f"1 commit changed the job since then: {revision[:8]} by " in page
    assert f"(version 2). {besides}" in page
