"""A caller with one folder undoes and rolls back at random: no commit of its leaves the folder (TEAMS section 11)."""

import dataclasses
import random
from collections import Counter
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, job_yaml, settings_of, token_of

from chronos_gitops.app import build
from chronos_gitops.service import Service

ROLES = ("read", "operate", "rollback")
FOLDERS = ("jobs/a", "jobs/a/deep", "jobs/a2", "jobs/b")
OWN = "jobs/a/"
PER_HISTORY = 40


class History:
    """A repository whose commits change jobs and layers at random, some of several folders at once."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self.checkout, self.dice = Checkout(folder / "repo"), dice
        self.jobs: dict[str, str] = {}  # name: folder
        for number in range(8):
            self._write(f"job{number}", FOLDERS[number % len(FOLDERS)])
        self.checkout.commit("Add jobs")

    def _write(self, name: str, folder: str) -> None:
        self.jobs[name] = folder
        hour, minute = self.dice.randrange(24), self.dice.randrange(60)
        text = job_yaml(name, "http://127.0.0.1:9/", schedule=f"{minute} {hour} * * *")
        self.checkout.write(name, text, folder=folder)

    def step(self) -> None:
        for name in self.dice.sample(sorted(self.jobs), self.dice.choice((1, 1, 1, 2, 3))):
            kind = self.dice.choice(("edit", "edit", "edit", "move", "delete", "layer"))
            if kind == "layer":
                layer = self.checkout.path / self.dice.choice(("jobs", *FOLDERS)) / "_defaults.yaml"
                layer.write_text(f"timeout: {self.dice.randrange(1, 60)}s\n")
                continue
            file = self.checkout.path / self.jobs[name] / f"{name}.yaml"
            if kind != "edit":
                file.unlink(missing_ok=True)
            if kind != "delete":
                self._write(name, self.jobs[name] if kind == "edit" else self.dice.choice(FOLDERS))
        self.checkout.commit("A change")

    def commits(self) -> list[str]:
        return self.checkout.git("rev-list", "--first-parent", "HEAD").split()[:-1]

    def paths(self, commit: str) -> set[str]:
        return set(self.checkout.git("diff", "--name-only", "--no-renames", f"{commit}^", commit).split())


def client_of(service: Service) -> FlaskClient:
    token = dataclasses.replace(token_of("team", *ROLES)[1], folders=(OWN.rstrip("/"),))
    client = app_of(service, token).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token_of('team')[0]}"
    return client


def act(history: History, client: FlaskClient) -> tuple[str, int, set[str] | None]:
    """One undo or rollback: its kind, status, and the paths of the commit that an undo is about."""
    if history.dice.random() < 0.6:
        commit = history.dice.choice(history.commits())
        answer = client.post("/api/v1/rollback", json={"commit": commit})
        return "undo", answer.status_code, history.paths(commit)
    name, number = history.dice.choice(sorted(history.jobs)), history.dice.randrange(1, 6)
    return "rollback", client.post(f"/api/v1/jobs/{name}/rollback/{number}", json={}).status_code, None


def play(folder: Path, seed: int, acts: int) -> Counter[str]:
    dice, seen = random.Random(seed), Counter[str]()
    history = History(folder, dice)
    for _ in range(20):
        history.step()
    with build(settings_of(history.checkout, folder / "data")) as service:
        client = client_of(service)
        for _ in range(acts):
            before = history.checkout.git("rev-parse", "HEAD").strip()
            kind, status, asked = act(history, client)
            after = history.checkout.git("rev-parse", "HEAD").strip()
            seen[kind] += 1
            seen["made"] += after != before
            if after != before:
                outside = {path for path in history.paths(after) if not path.startswith(OWN)}
                assert outside == set(), (seed, kind, outside)
                assert status == 201, (seed, kind, status)
            if asked is not None and any(not path.startswith(OWN) for path in asked):
                seen["undos of others"] += 1
                assert status in (403, 404), (seed, status, asked)
            if dice.random() < 0.2:
                history.step()
            service.follower.sync()
    return seen


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("histories", [2, pytest.param(25, marks=pytest.mark.full)])
def test_no_commit_of_a_caller_leaves_its_folder(tmp_path: Path, histories: int) -> None:
    seen = Counter[str]()
    for seed in range(histories):
        (tmp_path / str(seed)).mkdir()
        seen += play(tmp_path / str(seed), seed, PER_HISTORY)
    print(f"random undos and rollbacks of a caller with {OWN}: {dict(seen)}, outside 0")
    assert seen["undo"] + seen["rollback"] == histories * PER_HISTORY
    assert seen["made"] >= 3 * histories
    assert seen["undos of others"] >= 3 * histories
