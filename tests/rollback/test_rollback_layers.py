"""A rollback of a job whose layers have changed since: its file says what it inherited then."""

from typing import Any

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository

from chronos_gitops.errors import ConflictError
from chronos_gitops.git.commit import Person
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest, RollbackResult

ALICE = Person("Alice", "alice@example.com")
JOB, TOP = "jobs/a/job.yaml", "jobs/_defaults.yaml"
STAGING, PRODUCTION = "jobs/_environments/staging.yaml", "jobs/_environments/production.yaml"
TEXT = """\
# Settles the day.
name: job
schedule: "0 2 * * *"  # at night
enabled: true

webhook:
  url: https://hooks.example.com/job  # the only one
  headers:
    X-Run: a  # why
"""
NOTE = "# Written out by the rollback to version 1: inherited then, different now.\n"
NOW_AND_THEN: dict[str, tuple[str, str, str, list[str], list[str]]] = {
    "a default that changed": (
        "timeout: 1s\n",
        "timeout: 2s\n",
        TEXT + NOTE + "timeout: 1s\n",
        ["timeout"],
        [],
    ),
    "a default that came": ("# nothing\n", "timeout: 2s\n", TEXT + NOTE + "timeout: null\n", ["timeout"], []),
    "a default that went": ("tags: {team: x}\n", "# nothing\n", TEXT + NOTE + "tags:\n  team: x\n", ["tags.team"], []),
    "a header that came": (
        "timeout: 1s\n",
        "timeout: 1s\nwebhook: {headers: {X-Team: x}}\n",
        TEXT + "    X-Team: null\n",
        ["webhook.headers.X-Team"],
        [],
    ),
    "auth that changed": (
        "webhook: {auth: {type: bearer, token: '${secret:a}'}}\n",
        "webhook: {auth: {type: hmac, secret: '${secret:b}'}}\n",
        TEXT + '  auth:\n    type: bearer\n    token: "${secret:a}"\n',
        ["webhook.auth"],
        [],
    ),
    "a value that the job overrides": ("schedule: '@daily'\n", "schedule: '@hourly'\n", TEXT, [], []),
}


def layered(repository: Repository, text: str, top: str, **environments: str) -> None:
    repository.write(JOB, text)
    repository.write(TOP, top)
    for name, part in environments.items():
        repository.write(f"jobs/_environments/{name}.yaml", part)
    repository.commit("Then")


def rolled_back(repository: Repository, follow: Follow, to: str = "1", **options: Any) -> RollbackResult:
    following = follow(repository.root, **options)
    request = RollbackRequest("job", to, "", ALICE, "id")
    result = Reverter(following.follower).perform(request)
    assert not result.changed or Reverter(following.follower).perform(request) == result
    versions = following.follower.index().versions("job")
    assert [one.number for one in versions] == list(range(1, len(versions) + 1))
    return result


@pytest.mark.parametrize("case", NOW_AND_THEN)
def test_what_was_inherited_is_written_into_the_file(case: str, repository: Repository, follow: Follow) -> None:
    then, now, expected, fields, rewritten = NOW_AND_THEN[case]
    layered(repository, TEXT, then)
    repository.write(JOB, TEXT.replace("0 2", "0 3"))
    repository.write(TOP, now)
    repository.commit("Now")
    result = rolled_back(repository, follow)
    assert (repository.root / JOB).read_text() == expected
    assert [one.field for one in result.written_out] == fields
    assert list(result.rewritten) == rewritten
    message = repository.git("log", "-1", "--format=%B")
    assert ("Chronos-Written-Out: " + ", ".join(fields) in message) is bool(fields)
    assert repository.git("status", "--porcelain") == ""


def test_values_of_environments_go_into_their_blocks(repository: Repository, follow: Follow) -> None:
    text = TEXT.replace("/job  #", "/${var:api}  #") + "environments: {gone: {timeout: 9s}, staging: {jitter: 1s}}\n"
    live, gone = "variables: {api: b}\n", "variables: {api: c}\n"
    layered(repository, text, "", staging="variables: {api: a}\ntimeout: 1s\n", production=live, gone=gone)
    repository.write(STAGING, "variables: {api: z}\ntimeout: 2s\n")
    repository.git("rm", "-q", "jobs/_environments/gone.yaml")
    repository.write(JOB, TEXT)
    repository.commit("Now")
    result = rolled_back(repository, follow, environment="staging")
    assert sorted((one.field, one.environment, one.value) for one in result.written_out) == [
        ("timeout", "staging", "1s"),
        ("variables.api", "staging", "a"),
    ]
    assert result.rewritten == ("environments",)
    assert (repository.root / JOB).read_text() == text.partition("environments:")[0] + (
        "environments:\n  staging:\n    jitter: 1s\n    timeout: 1s\n    variables:\n      api: a\n"
    )
    assert "environments.staging.timeout" in repository.git("log", "-1", "--format=%B")


def test_a_map_in_flow_style_is_written_anew(repository: Repository, follow: Follow) -> None:
    text = "name: job\nschedule: '@daily'\nwebhook: {url: 'https://hooks.example.com/job'}  # one\n# end\n"
    layered(repository, text, "webhook: {method: POST}\n")
    repository.write(TOP, "webhook: {method: PUT}\n")
    repository.commit("Now")
    result = rolled_back(repository, follow)
    assert result.rewritten == ("webhook",)
    head, end = text.partition("webhook:")[0], "# end\n"
    assert (repository.root / JOB).read_text() == (
        head + "webhook:\n  url: https://hooks.example.com/job\n  method: POST\n" + end
    )


def test_an_inherited_version_can_be_rolled_back_to(repository: Repository, follow: Follow) -> None:
    layered(repository, TEXT, "timeout: 1s\n")
    for timeout in ("2s", "3s"):
        repository.write(TOP, f"timeout: {timeout}\n")
        repository.commit(timeout)
    result = rolled_back(repository, follow, "2")
    assert (result.version, result.restored_version, result.changed) == (4, 2, True)
    assert (repository.root / JOB).read_text().endswith("version 2: inherited then, different now.\ntimeout: 2s\n")


def test_nothing_changes_where_text_and_content_are_those_of_then(repository: Repository, follow: Follow) -> None:
    layered(repository, TEXT, "timeout: 1s\n")
    repository.write(TOP, "timeout: 2s\n")
    repository.commit("Away")
    repository.write(TOP, "timeout: 1s\n")
    before = repository.commit("And back")
    result = rolled_back(repository, follow)
    assert (result.changed, repository.head()) == (False, before)


def test_a_layer_that_is_not_committed_is_in_the_way(repository: Repository, follow: Follow) -> None:
    layered(repository, TEXT, "timeout: 1s\n")
    repository.write(TOP, "timeout: 2s\n")
    repository.commit("Now")
    reverter = Reverter(follow(repository.root).follower)
    for path, text in ((TOP, "timeout: 3s\n"), ("jobs/a/_defaults.yaml", "jitter: 1s\n")):
        before = (repository.root / path).read_text() if (repository.root / path).exists() else None
        repository.write(path, text)
        with pytest.raises(ConflictError, match=f"{path} has uncommitted changes"):
            reverter.plan(RollbackRequest("job", "1", "", ALICE))
        repository.remove(path)
        if before is not None:
            repository.write(path, before)
    repository.write("jobs/b/_defaults.yaml", "jitter: 1s\n")
    assert reverter.perform(RollbackRequest("job", "1", "", ALICE)).changed


def test_the_text_is_restored_under_a_broken_layer_of_then(repository: Repository, follow: Follow) -> None:
    """The version was made with the last readable content of the layer."""
    layered(repository, TEXT, "timeout: 1s\n")
    repository.write(TOP, "timeout: [\n")
    repository.commit("Break")
    repository.write(JOB, TEXT.replace("0 2", "0 4"))
    repository.commit("Edit meanwhile")
    repository.write(TOP, "timeout: 5s\n")
    repository.write(JOB, TEXT)
    repository.commit("Mend")
    result = rolled_back(repository, follow, "2")
    assert [one.document() for one in result.written_out] == [{"field": "timeout", "environment": None, "value": "1s"}]


def test_a_literal_credential_is_not_shown_in_what_was_written(repository: Repository, follow: Follow) -> None:
    layered(repository, TEXT, "webhook: {auth: {type: bearer, token: s3cr3t-s3cr3t}}\n")
    repository.write(TOP, "timeout: 1s\n")
    repository.commit("Now")
    result = rolled_back(repository, follow)
    assert "s3cr3t" not in str([one.document() for one in result.written_out])
