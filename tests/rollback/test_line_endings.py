"""A rollback writes the line ends that git itself would check out: CRLF stays CRLF, LF stays LF."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from harness.repositories.repository import Repository

from chronos_gitops.git.commit import Person
from chronos_gitops.rollback.before_commit import UndoRequest
from chronos_gitops.rollback.local_checkout import Offline
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest

ALICE = Person("Alice", "alice@example.com")
JOB = Path("jobs/one.yaml")
CHECKOUTS: Mapping[str, tuple[dict[str, str], str]] = {
    "plain": ({}, ""),
    "core.autocrlf": ({"core.autocrlf": "true"}, ""),
    "eol=crlf": ({}, "*.yaml text eol=crlf\n"),
    "text and core.eol": ({"core.eol": "crlf"}, "*.yaml text\n"),
    "text=auto and core.eol": ({"core.eol": "crlf"}, "* text=auto\n"),
    "eol=lf against core.autocrlf": ({"core.autocrlf": "true"}, "*.yaml text eol=lf\n"),
    "-text against core.autocrlf": ({"core.autocrlf": "true"}, "*.yaml -text\n"),
}


@pytest.fixture(params=CHECKOUTS)
def checkout(request: pytest.FixtureRequest, repository: Repository) -> Repository:
    """Two versions of the job one, checked out anew under these settings."""
    settings, attributes = CHECKOUTS[request.param]
    if attributes:
        repository.write(".gitattributes", attributes)
        repository.commit("Say how lines end")
    repository.write_job("one", schedule="30 3 * * *")
    repository.commit("Run one later")
    for key, value in settings.items():
        repository.git("config", key, value)
    checked_out_anew(repository)
    return repository


def checked_out_anew(repository: Repository) -> bytes:
    """The file as git itself writes it."""
    (repository.root / JOB).unlink(missing_ok=True)
    repository.git("checkout", "--quiet", "--", str(JOB))
    return (repository.root / JOB).read_bytes()


def written(repository: Repository) -> bytes:
    return (repository.root / JOB).read_bytes()


def roll_back(repository: Repository, to: str) -> str:
    result = Reverter(Offline(repository.root)).perform(RollbackRequest("one", to, "", ALICE))
    assert result.commit is not None
    return result.commit


def test_a_file_that_is_there(checkout: Repository) -> None:
    roll_back(checkout, "1")
    ours = written(checkout)
    assert checkout.git("status", "--porcelain") == ""
    assert ours == checked_out_anew(checkout)


def test_a_file_that_comes_back(checkout: Repository) -> None:
    checkout.remove(str(JOB))
    checkout.git("commit", "--quiet", "--all", "--message", "Delete it")
    roll_back(checkout, "1")
    ours = written(checkout)
    assert checkout.git("status", "--porcelain") == ""
    assert ours == checked_out_anew(checkout)


def test_an_undo(checkout: Repository) -> None:
    made = roll_back(checkout, "1")
    Reverter(Offline(checkout.root)).perform(UndoRequest(made, "", ALICE))
    ours = written(checkout)
    assert checkout.git("status", "--porcelain") == ""
    assert ours == checked_out_anew(checkout)


def test_settings_of_the_person_that_a_runner_does_not_see(repository: Repository, tmp_path: Path) -> None:
    """core.autocrlf in the person's own configuration: the file on disk tells."""
    repository.write_job("one", schedule="30 3 * * *")
    repository.commit("Run one later")
    personal = tmp_path / "gitconfig"
    personal.write_text("[core]\n\tautocrlf = true\n")
    (repository.root / JOB).unlink()
    repository.git("checkout", "--quiet", "--", str(JOB), env={"GIT_CONFIG_GLOBAL": str(personal)})
    assert b"\r\n" in written(repository)
    roll_back(repository, "1")
    assert written(repository).count(b"\r\n") == written(repository).count(b"\n") > 1


def test_a_file_that_is_committed_with_crlf_stays_so(repository: Repository) -> None:
    content = (repository.root / JOB).read_bytes().replace(b"\n", b"\r\n")
    repository.write(str(JOB), content)
    repository.commit("Commit CRLF")
    repository.write_job("one", schedule="30 3 * * *")
    repository.commit("Commit LF")
    roll_back(repository, "2")
    assert written(repository) == content
    assert repository.git("status", "--porcelain") == ""


@pytest.mark.parametrize("kind", ["smudge", "process"])
def test_no_filter_runs_for_a_file_that_comes_back(repository: Repository, tmp_path: Path, kind: str) -> None:
    canary = tmp_path / "canary"
    repository.remove(str(JOB))
    repository.commit("Delete it")
    repository.write(".gitattributes", "*.yaml filter=canary text eol=crlf\n")
    repository.commit("Filter it")
    repository.git("config", f"filter.canary.{kind}", f"sh -c 'touch {canary}; cat'")
    repository.git("config", "filter.canary.required", "true")
    roll_back(repository, "1")
    assert not canary.exists()
    assert b"\r\n" in written(repository)
