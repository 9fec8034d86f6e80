"""The pages Commit, Undo and Compare: what they show, where they lead, and who may see them."""

import dataclasses
import re

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, finished, job_yaml, token_of
from server.web.test_pages import page

from chronos_gitops.config.forge import ForgeSettings
from chronos_gitops.service import Service


def commit_of(client: FlaskClient, job: str, version: int) -> str:
    return str(client.get(f"/api/v1/jobs/{job}/versions/{version}").get_json()["commit"])


def content(text: str) -> str:
    """Of a page without the words that tell how long ago something was."""
    return re.sub(r"<time.*?</time>", "", text.partition("<main")[2])


def test_a_commit_names_its_jobs_files_and_fields(client: FlaskClient) -> None:
    sha = commit_of(client, "daily-backup", 3)
    text = page(client, f"/commits/{sha}")
    made = client.get(f"/api/v1/jobs/daily-backup/versions/{sha}").get_json()
    assert made["message"].partition("\n")[0] in text
    assert sha in text
    assert f"<code>{made['path']}</code>" in text
    assert 'href="/jobs/daily-backup/versions/3"' in text
    assert "schedule" in text
    assert content(page(client, f"/commits/{sha[:8]}")) == content(text)


def test_an_invalid_job_is_not_said_to_be_deleted(own: FlaskClient, checkout: Checkout) -> None:
    checkout.write("fresh", "name: fresh\nschedule: never\n")
    sha = checkout.commit("Add a job that is wrong")
    own.post("/api/v1/sync")
    text = page(own, f"/commits/{sha}")
    assert "</span>, not running" in text
    assert "deleted" not in text


def test_a_commit_counts_the_runs_of_its_versions(own: FlaskClient) -> None:
    sha = commit_of(own, "failing", 1)
    assert "none" in page(own, f"/commits/{sha}")
    finished(own, own.post("/api/v1/jobs/failing/trigger").get_json()["id"])
    text = page(own, f"/commits/{sha}")
    assert "1, 1 failed" in text
    assert '<span class="standing failing">failing</span>' in text


def test_undoing_by_the_form_is_a_commit_and_is_answered(own: FlaskClient, checkout: Checkout) -> None:
    sha = commit_of(own, "daily-backup", 3)
    plan = page(own, f"/commits/{sha}/undo")
    assert "returns to version 2" in plan
    assert "Chronos-" in plan
    form = {"commit": sha, "reason": "it was better", "_next": f"/commits/{sha}"}
    sent = own.post("/api/v1/rollback", data=form, headers={"Accept": "text/html"})
    assert (sent.status_code, sent.headers["Location"].partition("?")[0]) == (303, f"/commits/{sha}")
    text = own.get(sent.headers["Location"], headers={"Accept": "text/html"}).get_data(as_text=True)
    assert f"Undid commit {sha[:8]}" in text
    new = checkout.git("rev-parse", "HEAD").strip()
    assert f'href="/commits/{new}"' in text
    assert "an undo would create no commit" in page(own, f"/commits/{sha}/undo")


def test_what_cannot_be_undone_says_why(own: FlaskClient) -> None:
    text = page(own, f"/commits/{commit_of(own, 'daily-backup', 2)}/undo")
    assert "Not possible." in text
    assert "Changed again since that commit: daily-backup." in text
    assert text.count("oll back the newer commit first") == 1


@pytest.mark.parametrize("commit", ["0" * 40, "deadbeef", "zz", "HEAD", "main", "-x"])
def test_a_commit_that_is_none_is_not_found(client: FlaskClient, commit: str) -> None:
    response = client.get(f"/commits/{commit}", headers={"Accept": "text/html"})
    assert response.status_code == 404
    assert "<nav" in response.get_data(as_text=True)


def test_two_versions_stand_side_by_side(client: FlaskClient) -> None:
    text = page(client, "/jobs/daily-backup/compare?from=1&to=3")
    assert "version 1 and version 3" in text
    for table in ('class="fields changed"', 'class="sides"'):
        assert table in text
    by_commit = f"from={commit_of(client, 'daily-backup', 1)}&to={commit_of(client, 'daily-backup', 3)}"
    assert content(page(client, f"/jobs/daily-backup/compare?{by_commit}")) == content(text)
    assert "version 2 and version 3" in page(client, "/jobs/daily-backup/compare?from=&to=")
    assert "the first one" in page(client, "/jobs/nightly/compare?to=1")
    assert client.get("/jobs/daily-backup/compare?from=9", headers={"Accept": "text/html"}).status_code == 404


def test_a_deleted_job_can_be_compared(client: FlaskClient) -> None:
    count = len(client.get("/api/v1/jobs/retired/versions").get_json()["items"])
    assert f"version {count - 1} and version {count}" in page(client, f"/jobs/retired/compare?to={count}")


def test_changes_versions_and_executions_lead_to_the_commit(own: FlaskClient, checkout: Checkout) -> None:
    sha = commit_of(own, "daily-backup", 3)
    done = finished(own, own.post("/api/v1/jobs/daily-backup/trigger").get_json()["id"])
    for path in ("/jobs/daily-backup", "/jobs/daily-backup/versions/3", f"/executions/{done['id']}"):
        assert f'href="/commits/{sha}"' in page(own, path), path
    checkout.write("daily-backup", job_yaml("daily-backup", "https://example.com/other"))
    checkout.commit("Call another address")
    own.post("/api/v1/sync")
    newest = commit_of(own, "daily-backup", 4)
    assert f'href="/commits/{newest}"' in page(own, "/changes")


def test_a_caller_who_sees_some_jobs_sees_only_these_in_a_commit(service: Service) -> None:
    secret, token = token_of("few", "read")
    client = app_of(service, dataclasses.replace(token, tags=(("team", "backend"),))).test_client()
    headers = {"Authorization": f"Bearer {secret}", "Accept": "text/html"}
    index = service.follower.index()
    for job, status in (("daily-backup", 200), ("nightly", 404)):
        sha = index.versions(job)[-1].commit
        names = {one.job for one in index.made_by(sha)}
        response = client.get(f"/commits/{sha}", headers=headers)
        assert response.status_code == (200 if names & {"daily-backup", "off"} else status)
        assert "nightly" not in response.get_data(as_text=True)


def test_commits_lead_to_the_forge_where_it_is_known(service: Service) -> None:
    forge = ForgeSettings(type="gitea", url="https://git.example.com", repository="acme/jobs")
    client = app_of(service, forge=forge).test_client()
    sha = commit_of(client, "daily-backup", 3)
    address = f'href="https://git.example.com/acme/jobs/commit/{sha}" rel="noreferrer"'
    for path in (f"/commits/{sha}", "/jobs/daily-backup", "/jobs/daily-backup/versions/3", "/changes"):
        assert address in page(client, path), path
    assert "noreferrer" not in page(app_of(service).test_client(), f"/commits/{sha}")
