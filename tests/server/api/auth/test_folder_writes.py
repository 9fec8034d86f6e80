"""A caller with folders undoes and approves what is all its own; of anything else the answer has a count at most."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, Receiver, app_of, eventually, job_yaml, token_of

from chronos_gitops.config.model import Token
from chronos_gitops.git.commit import Person
from chronos_gitops.rollback.before_commit import UndoRequest
from chronos_gitops.rollback.revert import CommitOutsideFolders
from chronos_gitops.service import Service

ROLES = ("read", "operate", "rollback")
Write = Callable[..., str]


@pytest.fixture
def write(service: Service, checkout: Checkout, receiver: Receiver) -> Write:
    """Commits jobs by their paths, and waits until they run; "" removes one, and a text stands as it is."""

    def commit(**jobs: str) -> str:
        for key, folder_or_text in jobs.items():
            name, _, folder = key.partition("_in_")
            path = checkout.path / f"jobs/{folder}/{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            if folder_or_text:
                path.write_text(job_yaml(name, receiver.url, schedule=folder_or_text))
            else:
                path.unlink()
        checkout.commit("A change")
        head = checkout.git("rev-parse", "HEAD").strip()
        eventually(lambda: service.follower.sync().revision.attempted == head)
        return head

    return commit


def client_of(service: Service, *folders: str, tags: tuple[tuple[str, str], ...] = ()) -> FlaskClient:
    token: Token = dataclasses.replace(token_of("team", *ROLES)[1], folders=folders, tags=tags)
    client = app_of(service, token, token_of("all", *ROLES)[1]).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token_of('team')[0]}"
    return client


def undo(client: FlaskClient, commit: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    answer = client.post("/api/v1/rollback", json={"commit": commit} | fields)
    return answer.status_code, answer.get_json()


def test_a_commit_in_the_folders_is_undone_and_one_beyond_them_is_not(service: Service, write: Write) -> None:
    write(pay_in_a="0 1 * * *", ship_in_b="0 1 * * *", bill_in_b="0 1 * * *")
    both = write(pay_in_a="0 2 * * *", ship_in_b="0 2 * * *", bill_in_b="0 2 * * *")
    theirs = write(ship_in_b="0 3 * * *")
    own = write(pay_in_a="0 3 * * *")
    team = client_of(service, "jobs/a")
    assert undo(team, own, dry_run=True)[0] == 200
    status, answer = undo(team, own)
    assert (status, [job["job"] for job in answer["jobs"]]) == (201, ["pay"])
    for fields in ({}, {"dry_run": True}):
        status, answer = undo(team, both, **fields)
        assert (status, answer["type"]) == (403, "/problems/outside-folders")
        assert answer["detail"] == "it changes 2 more jobs outside jobs/a"
        unknown, never = undo(team, theirs, **fields), undo(team, "f" * 40, **fields)
        assert unknown[0] == never[0] == 404
        assert unknown[1]["detail"].replace(theirs, "f" * 40) == never[1]["detail"]
        assert not {"ship", "bill"} & set(str(answer).split())
    assert undo(client_of(service, "jobs/a", "jobs/b"), theirs)[0] == 201


def test_a_move_out_of_the_folders_is_not_undone(service: Service, checkout: Checkout, write: Write) -> None:
    write(pay_in_a="0 1 * * *")
    (checkout.path / "jobs/b").mkdir()
    checkout.git("mv", "jobs/a/pay.yaml", "jobs/b/pay.yaml")
    moved = write()
    assert undo(client_of(service, "jobs/a"), moved)[0] == 404
    assert undo(client_of(service, "jobs/b"), moved)[0] == 404
    assert undo(client_of(service, "jobs/a", "jobs/b"), moved)[0] == 201


def test_a_layer_needs_its_folder_and_a_grant_without_tags(service: Service, checkout: Checkout, write: Write) -> None:
    write(pay_in_a="0 1 * * *")
    (checkout.path / "jobs/a/_defaults.yaml").write_text("webhook:\n  timeout: 5s\n")
    layered = write()
    tagged = client_of(service, "jobs/a", tags=(("team", "a"),))
    assert undo(tagged, layered)[0] in (403, 404)
    assert undo(client_of(service, "jobs/a"), layered)[0] == 201


def test_a_commit_that_is_not_the_callers_never_leaves(service: Service, write: Write, checkout: Checkout) -> None:
    write(pay_in_a="0 1 * * *")
    own = write(pay_in_a="0 2 * * *")
    with pytest.raises(CommitOutsideFolders):
        service.reverter.perform(UndoRequest(own, "", Person("Ada", "ada@example.com")), lambda path: "/b/" in path)
    assert checkout.git("rev-parse", "HEAD").strip() == own


def test_held_deletions_are_approved_by_who_sees_all_of_them(
    service: Service, checkout: Checkout, write: Write
) -> None:
    names = [f"j{number}" for number in range(12)]
    write(**{f"{name}_in_a": "0 1 * * *" for name in names}, other_in_b="0 1 * * *")
    write(**{f"{name}_in_a": "" for name in names}, other_in_b="")
    held = service.follower.status().held
    assert held is not None
    team = client_of(service, "jobs/a")
    answer = team.post("/api/v1/sync/approve", json={"checksum": held.checksum})
    assert (answer.status_code, answer.get_json()["type"]) == (403, "/problems/outside-folders")
    assert answer.get_json()["detail"] == "it concerns 1 more job outside jobs/a"
    assert len(service.jobs()) >= 13
    assert team.post("/api/v1/sync/approve", json={"checksum": "sha256:" + "0" * 12}).status_code == 409
    assert (
        client_of(service, "jobs/a", "jobs/b")
        .post("/api/v1/sync/approve", json={"checksum": held.checksum})
        .status_code
        == 200
    )
    assert "other" not in service.jobs().definitions


def test_a_broken_file_of_others_degrades_nobody_else(service: Service, checkout: Checkout, write: Write) -> None:
    write(pay_in_a="0 1 * * *", ship_in_b="0 1 * * *")
    for name, state in (("ship", "synced"), ("pay", "degraded")):
        path = next(checkout.path.glob(f"jobs/?/{name}.yaml"))
        path.write_text(f"name: {name}\nschedule: never\n")
        write()
        found = client_of(service, "jobs/a").get("/api/v1/sync").get_json()
        assert found["state"] == state
        assert service.follower.status().state == "degraded"
        assert (found["reason"] is None) is (state == "synced")
        assert "ship" not in str(found)
