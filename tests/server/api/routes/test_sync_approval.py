"""Held deletions where a commit approves them, and no operator does."""

from harness.api_fixtures import app_of

from chronos_gitops.config.runner_commits import RunnerCommits
from chronos_gitops.service import Service


def test_an_operator_is_told_which_trailer_approves(service: Service) -> None:
    client = app_of(service, commits=RunnerCommits(deletions="commit")).test_client()
    answer = client.post("/api/v1/sync/approve", json={"checksum": "sha256:" + "0" * 12})
    assert answer.status_code == 403
    assert answer.get_json()["type"] == "/problems/approval-by-commit"
    assert "Chronos-Allow-Deletes" in answer.get_json()["hint"]
