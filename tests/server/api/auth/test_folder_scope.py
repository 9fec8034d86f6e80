"""A caller with folders sees and touches the jobs whose file lies there, and each row by the path of its own."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, Receiver, app_of, eventually, finished, job_yaml, settings_of, token_of

from chronos_gitops.app import build
from chronos_gitops.config.model import Grant, Token
from chronos_gitops.observability.event_log import EventLog
from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.app import url_map
from chronos_gitops.server.api.auth.callers import Caller
from chronos_gitops.service import Service

ROLES = ("read", "operate", "rollback")
EVERYTHING = token_of("all", *ROLES)[1]


def limited(name: str, *roles: str, folders: tuple[str, ...] = (), **tags: str) -> Token:
    return dataclasses.replace(token_of(name, *roles)[1], folders=folders, tags=tuple(tags.items()))


def client_of(service: Service, token: Token) -> FlaskClient:
    client = app_of(service, token, EVERYTHING).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token_of(token.name)[0]}"
    return client


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, receiver: Receiver, _guarded_environment: None
) -> Iterator[Service]:
    """``pay`` in jobs/a, ``ship`` in jobs/b, ``pay2`` in jobs/a2; ``moved`` ran in jobs/a and is in jobs/b now, as is
    version 2 of ``came``, which began in jobs/b and is in jobs/a."""
    folder = tmp_path_factory.mktemp("folders")
    checkout = Checkout(folder / "repo")
    for name, where in {"pay": "a", "ship": "b", "pay2": "a2", "moved": "a", "came": "b"}.items():
        checkout.write(name, job_yaml(name, receiver.url, tags={"tier": "gold"}), folder=f"jobs/{where}")
    checkout.commit("Add jobs")
    with build(settings_of(checkout, folder / "data")) as service:
        everything = client_of(service, EVERYTHING)
        ran = {name: trigger(everything, name) for name in ("pay", "ship", "pay2", "moved")}
        for name, old, new in (("moved", "a", "b"), ("came", "b", "a")):
            checkout.git("mv", f"jobs/{old}/{name}.yaml", f"jobs/{new}/{name}.yaml")
        checkout.commit("Move two jobs")
        eventually(lambda: (service.follower.sync(), service.jobs().definitions["came"].path)[1] == "jobs/a/came.yaml")
        ran["moved again"] = trigger(everything, "moved")
        service.notes = ran  # type: ignore[attr-defined]
        yield service


def trigger(client: FlaskClient, name: str) -> str:
    execution: str = client.post(f"/api/v1/jobs/{name}/trigger").get_json()["id"]
    finished(client, execution)
    return execution


def ids(client: FlaskClient, path: str, key: str = "id") -> set[Any]:
    return {item[key] for item in client.get(path).get_json()["items"]}


def test_jobs_are_seen_by_their_folder_and_no_sibling_with_its_name_as_a_prefix(world: Service) -> None:
    team = client_of(world, limited("team", "read", folders=("jobs/a",)))
    assert ids(team, "/api/v1/jobs", "name") == {"pay", "came"}
    assert [team.get(f"/api/v1/jobs/{name}").status_code for name in ("pay", "ship", "pay2", "moved")] == [200] + [
        404
    ] * 3
    two = client_of(world, limited("two", "read", folders=("jobs/a", "jobs/a2")))
    assert ids(two, "/api/v1/jobs", "name") == {"pay", "pay2", "came"}


def test_rows_are_seen_by_the_path_that_they_were_made_with(world: Service) -> None:
    ran: dict[str, str] = world.notes  # type: ignore[attr-defined]
    team = client_of(world, limited("team", "read", folders=("jobs/a",)))
    assert ids(team, "/api/v1/executions") == {ran["pay"], ran["moved"]}
    assert team.get(f"/api/v1/executions/{ran['moved']}").status_code == 200
    assert team.get(f"/api/v1/executions/{ran['moved again']}").status_code == 404
    other = client_of(world, limited("other", "read", folders=("jobs/b",)))
    assert ids(other, "/api/v1/executions") == {ran["ship"], ran["moved again"]}


def test_versions_keep_their_numbers_and_those_from_elsewhere_do_not_exist(world: Service) -> None:
    team = client_of(world, limited("team", *ROLES, folders=("jobs/a",)))
    assert ids(team, "/api/v1/jobs/came/versions", "version") == {2}
    assert [team.get(f"/api/v1/jobs/came/versions/{n}").status_code for n in ("1", "2")] == [404, 200]
    assert team.post("/api/v1/jobs/came/rollback/1", json={"dry_run": True}).status_code == 404


def test_tags_narrow_the_folders(world: Service) -> None:
    silver = client_of(world, limited("silver", "read", folders=("jobs/a",), tier="silver"))
    assert ids(silver, "/api/v1/jobs", "name") == set()
    gold = client_of(world, limited("gold", "read", folders=("jobs/a",), tier="gold"))
    assert ids(gold, "/api/v1/jobs", "name") == {"pay", "came"}


def test_a_narrow_role_opens_one_door_only(world: Service) -> None:
    doors = {
        "metrics": ("GET", "/metrics"),
        "feed": ("GET", "/api/v1/next-runs.ics"),
        "sync": ("POST", "/api/v1/sync"),
    }
    for role, (method, path) in doors.items():
        client = client_of(world, limited(role, role))
        assert client.open(path, method=method).status_code in (200, 202), role
        for rule in endpoint.declared(url_map()):
            if rule.declared.role is None or rule.declared.narrow_role == role:
                continue
            for other in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
                words = {"<name>": "pay", "<n>": "1", "<execution_id>": "x", "<path:filename>": "x"}
                address = rule.rule
                for word, value in words.items():
                    address = address.replace(word, value)
                answer = client.open(address, method=other, json={} if other == "POST" else None)
                assert answer.status_code == 403, (role, other, rule.rule)


def test_a_narrow_role_reaches_no_further_than_its_folders(world: Service) -> None:
    found = client_of(world, limited("calendar", "feed", folders=("jobs/a",))).get("/api/v1/next-runs.ics")
    assert {line for line in found.text.splitlines() if line.startswith("SUMMARY")} == {"SUMMARY:came", "SUMMARY:pay"}
    assert client_of(world, limited("scraper", "metrics", folders=("jobs/a",))).get("/metrics").status_code == 403
    assert client_of(world, limited("forge", "sync", folders=("jobs/a",))).post("/api/v1/sync").status_code == 202


def test_whoami_tells_the_folders(world: Service) -> None:
    team = client_of(world, limited("team", "operate", "read", folders=("jobs/a",)))
    assert team.get("/api/v1/whoami").get_json()["grants"] == [
        {"roles": ["read", "operate"], "folders": ["jobs/a"], "tags": {}}
    ]


def test_a_grant_needs_the_role_and_the_path_together() -> None:
    caller = Caller("ada", (Grant(frozenset({"read"})), Grant(frozenset({"operate"}), ("jobs/a",))))
    assert [grant.covers("jobs/b/ship.yaml") for grant in caller.with_role("operate")] == [False]
    assert [grant.covers("jobs/a/pay.yaml") for grant in caller.with_role("operate")] == [True]
    assert [grant.covers("jobs/b/ship.yaml") for grant in caller.with_role("read")] == [True]
    assert caller.with_role("rollback") == ()


def test_events_are_seen_by_the_path_that_they_happened_at(world: Service) -> None:
    """``moved`` ran in jobs/a before it went to jobs/b: each folder has the events of its own time."""
    ran: dict[str, str] = world.notes  # type: ignore[attr-defined]
    a, b = (client_of(world, limited(name, "read", folders=(f"jobs/{name}",))) for name in ("a", "b"))
    triggered = {client: ids(client, "/api/v1/events?type=job_triggered&job=moved") for client in (a, b)}
    assert [len(triggered[client]) for client in (a, b)] == [1, 1]
    assert max(triggered[a]) < min(triggered[b])
    added = [one for one in a.get("/api/v1/events?type=commit_applied").get_json()["items"] if one["added"]]
    assert [sorted(one["added"]) for one in added] == [["moved", "pay"]]
    assert ran["moved"] != ran["moved again"]
    for client, job in ((a, "ship"), (b, "pay")):
        assert client.get(f"/api/v1/events?job={job}").get_json()["items"] == []
    again = EventLog(world.settings.data / "events.jsonl")
    assert [event.paths for _, event in again.newest(1000)] == [event.paths for _, event in world.events.newest(1000)]
