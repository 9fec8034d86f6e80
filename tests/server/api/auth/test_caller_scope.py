"""A token with tags sees and touches only its jobs, on every route."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, Receiver, app_of, eventually, fill, finished, job_yaml, settings_of, token_of

from chronos_gitops.app import build
from chronos_gitops.config.model import Token
from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import Endpoint
from chronos_gitops.service import Service

ROLES = ("read", "operate", "rollback")
HIDDEN = ("failing", "nightly", "secret-plan", "gone-frontend")
SEEN = ("daily-backup", "off")


def limited(*roles: str, **tags: str) -> Token:
    return dataclasses.replace(token_of("limited", *roles)[1], tags=tuple(sorted(tags.items())))


def client_of(service: Service, token: Token) -> FlaskClient:
    client = app_of(service, token, token_of("all", *ROLES)[1]).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token_of(token.name)[0]}"
    return client


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, receiver: Receiver, _guarded_environment: None
) -> Iterator[Service]:
    """Jobs of two teams, deleted ones of both, executions of all, a broken file of the other team."""
    folder = tmp_path_factory.mktemp("scope")
    checkout = Checkout(folder / "repo")
    checkout.write("gone-frontend", job_yaml("gone-frontend", receiver.url, tags={"team": "frontend"}))
    checkout.write("gone-backend", job_yaml("gone-backend", receiver.url, tags={"team": "backend"}))
    fill(checkout, receiver.url)
    checkout.remove("gone-frontend")
    checkout.remove("gone-backend")
    checkout.write("secret-plan", job_yaml("secret-plan", receiver.url, tags={"team": "frontend"}))
    checkout.commit("Two are gone")
    with build(settings_of(checkout, folder / "data")) as service:
        everything = client_of(service, token_of("all", *ROLES)[1])
        for name in ("failing", "nightly", "daily-backup", "secret-plan"):
            finished(everything, everything.post(f"/api/v1/jobs/{name}/trigger").get_json()["id"])
        everything.post("/api/v1/jobs/nightly/pause", json={"reason": "a frontend matter"})
        checkout.write("secret-plan", "name: secret-plan\nschedule: never\n")
        checkout.commit("Break the plan")
        eventually(lambda: service.follower.sync().quarantined)
        yield service


@pytest.fixture(scope="module")
def backend(world: Service) -> FlaskClient:
    return client_of(world, limited(*ROLES, team="backend"))


def names(client: FlaskClient, path: str, key: str = "name") -> set[str]:
    return {item[key] for item in client.get(path).get_json()["items"]}


def test_lists_have_its_jobs_only(backend: FlaskClient) -> None:
    assert names(backend, "/api/v1/jobs") == set(SEEN)
    assert names(backend, "/api/v1/executions", "job") == {"daily-backup"}
    assert names(backend, "/api/v1/audit", "job") == {"daily-backup"}
    sync = backend.get("/api/v1/sync").get_json()
    assert (sync["jobs"], sync["quarantined"], sync["message"]) == (2, [], "")
    assert {problem["file"] for problem in sync["problems"]} == {"jobs/daily-backup.yaml", "jobs/off.yaml"}
    assert backend.get("/api/v1/jobs?tag.team=frontend").get_json()["items"] == []


@pytest.mark.parametrize("name", HIDDEN)
def test_other_jobs_do_not_exist_for_it(backend: FlaskClient, world: Service, name: str) -> None:
    made_up = "no-such-job"
    for path in ("", "/versions", "/versions/1", "/versions/1/diff", "/executions", "/next"):
        refused, unknown = backend.get(f"/api/v1/jobs/{name}{path}"), backend.get(f"/api/v1/jobs/{made_up}{path}")
        assert refused.status_code == 404, path
        assert refused.get_json()["detail"].replace(name, made_up) == unknown.get_json()["detail"]
        assert refused.get_json()["hint"] == unknown.get_json()["hint"]
    for path, body in (("/trigger", {}), ("/pause", {"reason": "x"}), ("/resume", {}), ("/rollback/1", {})):
        assert backend.post(f"/api/v1/jobs/{name}{path}", json=body).status_code == 404, path
    invalid = [backend.post(f"/api/v1/jobs/{job}/pause", json={}) for job in (name, made_up)]
    assert invalid[0].get_json()["detail"] == invalid[1].get_json()["detail"]
    running = world.jobs().get(name)
    if running is not None:
        assert backend.get(f"/api/v1/jobs/{running.job.id}").status_code == 404


def test_an_execution_of_another_job_does_not_exist_for_it(backend: FlaskClient, world: Service) -> None:
    everything = client_of(world, token_of("all", *ROLES)[1])
    for execution in everything.get("/api/v1/executions").get_json()["items"]:
        answer = backend.get(f"/api/v1/executions/{execution['id']}")
        assert answer.status_code == (200 if execution["job"] == "daily-backup" else 404)


def test_a_deleted_job_belongs_to_who_had_it_last(backend: FlaskClient) -> None:
    assert backend.get("/api/v1/jobs/gone-backend/versions").status_code == 200
    assert "was deleted" in backend.get("/api/v1/jobs/gone-backend").get_json()["detail"]


def routes(app: Flask) -> Iterator[tuple[str, str, Endpoint]]:
    for rule in endpoint.declared(app.url_map):
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            if rule.declared.role is not None:
                yield method, rule.rule, rule.declared


def filled(rule: str, name: str) -> str:
    values = {"<name>": name, "<n>": "1", "<execution_id>": "nothing", "<path:filename>": "x"}
    for part, value in values.items():
        rule = rule.replace(part, value)
    return rule


def _as_told(name: str, mimetype: str) -> str:
    """A page says "failing" of whoever fails; there the job of that name is told by its link."""
    return f"/jobs/{name}" if (name, mimetype) == ("failing", "text/html") else name


def test_no_answer_of_any_route_names_a_job_of_others(backend: FlaskClient) -> None:
    """Generated from the URL map: a new route refuses limited tokens until it minds them."""
    seen = 0
    for method, rule, declared in routes(backend.application):
        for name in SEEN:
            given = {} if method == "POST" else None
            answer = backend.open(filled(rule, name), method=method, json=given, buffered=False)
            if not declared.is_scoped:
                assert answer.status_code == 403, (method, rule)
            is_stream = answer.mimetype == "text/event-stream"  # without an end: its beginning is read
            text = next(answer.iter_encoded()).decode() if is_stream else answer.get_data(as_text=True)
            answer.close()
            told = [_as_told(hidden, answer.mimetype) for hidden in HIDDEN]
            assert not [words for words in told if words in text], (method, rule)
            seen += 1
    assert seen > 40


@pytest.mark.parametrize("name", HIDDEN)
def test_a_filter_for_a_job_of_others_finds_what_one_for_no_job_finds(backend: FlaskClient, name: str) -> None:
    """Events of one commit are about jobs of several teams."""
    filters = [
        (rule, parameter.name)
        for method, rule, declared in routes(backend.application)
        for parameter in declared.parameters
        if method == "GET" and declared.is_scoped and parameter.place == "query" and parameter.name in ("job", "q")
    ]
    assert ("/api/v1/events", "job") in filters
    for rule, parameter in filters:
        found, unknown = (backend.get(f"{rule}?{parameter}={job}") for job in (name, "no-such-job"))
        if found.mimetype == "application/json":
            assert found.get_json() == unknown.get_json(), rule


def test_a_misspelt_tag_is_not_completed_from_jobs_of_others(backend: FlaskClient) -> None:
    assert backend.get("/api/v1/jobs?team=backend").get_json()["did_you_mean"] == "tag.team"
    other = client_of_tags(backend)
    assert other.get("/api/v1/jobs?team=backend").get_json()["did_you_mean"] is None


def client_of_tags(backend: FlaskClient) -> FlaskClient:
    service = backend.application.extensions["chronos_gitops"]
    return client_of(service, limited("read", team="nobody"))


def test_probes_tell_it_the_verdict_only(backend: FlaskClient) -> None:
    assert backend.get("/readyz?verbose").get_data(as_text=True) == "ok\n"
    assert "checks" not in backend.get("/health").get_json()


def test_its_changes_and_its_status_are_pages_of_its_own(backend: FlaskClient, world: Service) -> None:
    changes = backend.get("/changes").get_data(as_text=True)
    assert 'href="/jobs/daily-backup"' in changes
    assert "a frontend matter" not in changes
    everything = client_of(world, token_of("all", *ROLES)[1])
    assert "a frontend matter" in everything.get("/changes").get_data(as_text=True)
    status = backend.get("/status").get_data(as_text=True)
    assert "secret-plan" not in status
    assert "<dt>Running</dt>" not in status
    assert "<dt>Running</dt>" in everything.get("/status").get_data(as_text=True)


def test_pages_reach_its_rows_behind_many_of_others(
    backend: FlaskClient, world: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row in a chunk, few chunks: a page may be short, and `next` still leads to the end, each row once."""
    whole = backend.get("/api/v1/executions").get_json()
    monkeypatch.setattr(caller_scope, "_CHUNK", 1)
    monkeypatch.setattr(caller_scope, "_MOST_CHUNKS", 2)
    found: list[dict[str, Any]] = []
    url, pages = "/api/v1/executions?limit=1", 0
    while url:
        answer = backend.get(url).get_json()
        found, url, pages = found + answer["items"], answer["next"], pages + 1
        assert pages < 20
    assert {row["job"] for row in found} <= set(SEEN)
    assert [row["id"] for row in found] == [row["id"] for row in whole["items"]]
    assert pages > len(found)


def test_a_finding_does_not_say_which_file_of_others_a_name_belongs_to(
    checkout: Checkout, receiver: Receiver, tmp_path: Path
) -> None:
    for name, team in (("plan", "frontend"), ("mine", "backend"), ("other", "backend")):
        checkout.write(name, job_yaml(name, receiver.url, tags={"team": team}))
    checkout.commit("Add jobs")
    with build(settings_of(checkout, tmp_path / "data")) as service:
        checkout.write("mine", job_yaml("plan", receiver.url, tags={"team": "backend"}))
        checkout.write("another", job_yaml("other", receiver.url, tags={"team": "backend"}))
        checkout.commit("Take two names")
        eventually(lambda: service.follower.sync().quarantined)
        for token, owners in (
            (limited(*ROLES, team="backend"), ["another file"]),
            (token_of("all", *ROLES)[1], ["jobs/other.yaml:2", "jobs/plan.yaml:2"]),
        ):
            sync = client_of(service, token).get("/api/v1/sync").get_json()
            said = [one["message"] for one in sync["problems"] if one["rule"] == "duplicate-name"]
            assert sorted(message.partition(" belongs to ")[2] for message in said) == owners


def test_a_file_that_was_never_valid_is_seen_by_its_own_folder_alone(
    checkout: Checkout, receiver: Receiver, tmp_path: Path
) -> None:
    """By the path of the file: nothing of the job runs, and no version of it has another one."""
    for team in ("a", "b"):
        checkout.write(f"runs-{team}", job_yaml(f"runs-{team}", receiver.url), folder=f"jobs/{team}")
    checkout.commit("Add a job for each team")
    with build(settings_of(checkout, tmp_path / "data")) as service:
        checkout.write("never", "name: never\nschedule: never\n", folder="jobs/a")
        checkout.commit("Add an invalid file")
        own, other = (dataclasses.replace(token_of("limited", *ROLES)[1], folders=(f"jobs/{team}",)) for team in "ab")
        eventually(lambda: client_of(service, own).get("/api/v1/events?type=job_quarantined").get_json()["items"])
        for token, seen in ((own, ["never"]), (other, [])):
            client = client_of(service, token)
            sync = client.get("/api/v1/sync").get_json()
            assert sync["quarantined"] == seen
            assert sync["state"] == ("degraded" if seen else "synced")
            errors = {problem["file"] for problem in sync["problems"] if problem["severity"] == "error"}
            assert errors == {f"jobs/a/{name}.yaml" for name in seen}
            events = client.get("/api/v1/events?type=job_quarantined").get_json()["items"]
            assert [event["job"] for event in events] == seen
        checkout.write("never", job_yaml("never", receiver.url), folder="jobs/a")
        checkout.commit("Mend it")
        eventually(lambda: client_of(service, own).get("/api/v1/events?type=job_released").get_json()["items"])
        assert client_of(service, other).get("/api/v1/events?type=job_released").get_json()["items"] == []
