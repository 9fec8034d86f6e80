"""A draft: its files against HEAD, what it changes, and commands that keep and discard it, run as they are shown."""

import dataclasses
import subprocess

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, finished, job_yaml, token_of

from chronos_gitops.service import Service

LAYER = "_defaults"
WORDS = ("To keep it", "To discard it", "git add", "git commit")


def draft(client: FlaskClient, name: str = "daily-backup") -> dict[str, object]:
    answer = client.get(f"/api/v1/jobs/{name}/draft")
    assert answer.status_code == 200, answer.get_json()
    found: dict[str, object] = answer.get_json()
    return found


def test_committed_job_has_no_draft(own: FlaskClient) -> None:
    answer = own.get("/api/v1/jobs/daily-backup/draft")
    assert (answer.status_code, answer.get_json()["type"]) == (404, "/problems/no-draft")
    assert own.get("/api/v1/jobs/nothing/draft").get_json()["type"] == "/problems/not-found"


def test_edited_file_is_shown_against_head(own: FlaskClient, checkout: Checkout, service: Service) -> None:
    text = (checkout.path / "jobs/daily-backup.yaml").read_text()
    checkout.write("daily-backup", text.replace("30 3", "30 4"))
    service.follower.sync()
    found = draft(own)
    [file] = found["files"]  # type: ignore[misc]  # JSON
    assert file["path"] == "jobs/daily-backup.yaml"
    changed = [line for line in file["diff"].splitlines() if line[:1] in "+-"]
    assert [line[0] for line in changed] == ["-", "+", "-", "+"]
    assert [change["field"] for change in found["fields"]] == ["schedule"]  # type: ignore[attr-defined]  # JSON
    assert found["runs_before"] != found["runs_after"]
    assert (found["jobs"], found["restore"]) == (1, "git restore -- jobs/daily-backup.yaml")


def test_layer_reaches_every_job_below_it(own: FlaskClient, checkout: Checkout, service: Service) -> None:
    checkout.write(LAYER, "jitter: 5s\n")
    service.follower.sync()
    found = draft(own)
    reached = sum(1 for job in service.jobs() if job.draft)
    assert (found["jobs"], found["restore"]) == (reached, "rm -- jobs/_defaults.yaml")
    assert reached > 1
    page = own.get("/jobs/daily-backup").get_data(as_text=True)
    assert "git commit -m &#39;Change jobs/_defaults.yaml&#39;" in page
    assert "not committed yet" not in page, "that is about the layer, not about the file of the job"
    checkout.write("daily-backup", "# Mine.\n" + (checkout.path / "jobs/daily-backup.yaml").read_text())
    service.follower.sync()
    page = own.get("/jobs/daily-backup").get_data(as_text=True)
    assert "git commit -m &#39;Change daily-backup&#39;" in page
    assert "not committed yet" in page


@pytest.mark.parametrize("act", ["keep", "discard"])
@pytest.mark.parametrize("edit", ["changed", "new layer", "new job"])
def test_commands_of_the_page_do_what_they_say(
    act: str, edit: str, own: FlaskClient, checkout: Checkout, service: Service
) -> None:
    text = (checkout.path / "jobs/daily-backup.yaml").read_text()
    name = "a-new-one" if edit == "new job" else "daily-backup"
    if edit == "new layer":
        checkout.write(LAYER, "jitter: 5s\n")
    else:
        checkout.write(
            name, job_yaml(name, "http://127.0.0.1:9/") if edit == "new job" else text.replace("30 3", "30 4")
        )
    service.follower.sync()
    page = own.get(f"/jobs/{name}", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert '<span class="tag draft">draft</span>' in page
    label = "To keep it" if act == "keep" else "To discard it"
    command = page.partition(f"{label}: <code data-copy>")[2].partition("</code>")[0]
    command = command.replace("&amp;", "&").replace("&#39;", "'")
    subprocess.run(["sh", "-c", command], cwd=checkout.path, check=True, capture_output=True)
    assert checkout.git("status", "--porcelain") == ""
    service.follower.sync()
    assert not any(job.draft for job in service.jobs())
    assert (name in service.jobs().definitions) == (edit != "new job" or act == "keep")


def test_literal_credentials_are_masked_in_the_diff(own: FlaskClient, checkout: Checkout, service: Service) -> None:
    auth = {"type": "bearer", "token": "a-literal-canary"}
    document = job_yaml("daily-backup", "http://127.0.0.1:9/", webhook={"url": "http://127.0.0.1:9/", "auth": auth})
    checkout.write("daily-backup", document)
    service.follower.sync()
    assert "a-literal-canary" not in own.get("/api/v1/jobs/daily-backup/draft").get_data(as_text=True)


@pytest.mark.parametrize(
    ("folders", "tags", "seen"),
    [
        ((), (), {"jobs/_defaults.yaml", "jobs/a/_defaults.yaml", "jobs/a/mine.yaml"}),
        (("jobs/a",), (), {"jobs/a/_defaults.yaml", "jobs/a/mine.yaml"}),
        (("jobs/a/mine.yaml",), (), {"jobs/a/mine.yaml"}),
        (("jobs/a",), (("team", "a"),), {"jobs/a/mine.yaml"}),
    ],
)
def test_callers_with_folders_see_the_files_in_these(
    folders: tuple[str, ...], tags: tuple[tuple[str, str], ...], seen: set[str], checkout: Checkout, service: Service
) -> None:
    mine = job_yaml("mine", "http://127.0.0.1:9/", tags={"team": "a"})
    checkout.write("mine", mine, folder="jobs/a")
    checkout.commit("Add a job")
    checkout.write("mine", mine + "# a draft\n", folder="jobs/a")
    checkout.write(LAYER, "jitter: 5s\n", folder="jobs/a")
    checkout.write(LAYER, "jitter: 6s\n")
    service.follower.sync()
    token = dataclasses.replace(token_of("team", "read")[1], folders=folders, tags=tags)
    client = app_of(service, token).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token_of('team')[0]}"
    found = draft(client, "mine")
    assert {file["path"] for file in found["files"]} == seen  # type: ignore[attr-defined]  # JSON
    assert {path for path in ("jobs/_defaults.yaml", *seen) if path in str(found["restore"])} == seen


def test_a_draft_of_files_that_a_caller_does_not_see_has_no_commands(checkout: Checkout, service: Service) -> None:
    """``git commit`` without paths would take everything that is staged."""
    checkout.write(LAYER, "jitter: 6s\n")
    service.follower.sync()
    token = dataclasses.replace(token_of("team", "read")[1], folders=("jobs/daily-backup.yaml",))
    client = app_of(service, token).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token_of('team')[0]}"
    found = draft(client)
    assert (found["files"], found["restore"]) == ([], "")
    page = client.get("/jobs/daily-backup", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert "files outside your folders" in page
    assert [words for words in WORDS if words in page] == []


def test_failed_draft_is_blamed_on_no_version(own: FlaskClient, checkout: Checkout, service: Service) -> None:
    checkout.write("failing", job_yaml("failing", f"{_url(service)}/404"))
    service.follower.sync()
    row = finished(own, own.post("/api/v1/jobs/failing/trigger").get_json()["id"])
    assert (row["draft"], row["version"], row["commit"]) == (True, None, None)
    assert row["base"] == {"version": 1, "commit": checkout.git("rev-parse", "HEAD").strip()}
    page = own.get("/jobs/failing", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert "It ran a draft, changed since version 1." in page
    assert "First failed version" not in page


def test_the_schedule_of_a_draft_is_blamed_on_no_commit(own: FlaskClient, checkout: Checkout, service: Service) -> None:
    text = (checkout.path / "jobs/daily-backup.yaml").read_text()
    checkout.write("daily-backup", text.replace("30 3", "30 4"))
    service.follower.sync()
    answer = own.get("/api/v1/jobs/daily-backup/executions?at=2030-01-01T12:00:00Z").get_json()
    assert '"30 4 * * *" in UTC by a draft, changed since version 3;' in answer["message"]
    assert (answer["version"], answer["commit"]) == (None, None)


def _url(service: Service) -> str:
    url = service.jobs().definitions["daily-backup"].job.webhook.url
    return "/".join(url.split("/")[:3])
