"""Only what an allowed signer signed runs; our own rollback commits are signed too. Real ssh-keygen."""

import subprocess
from pathlib import Path

import pytest
from harness.repo_fixtures import Follow
from harness.repository import Repository

from chronos_gitops.app import build
from chronos_gitops.config.model import Settings
from chronos_gitops.errors import UsageError
from chronos_gitops.git.commit import Person
from chronos_gitops.git.signatures import Signers, VerificationFailed
from chronos_gitops.rollback.committer import SigningKeyMissing
from chronos_gitops.rollback.revert import RollbackRequest, Rollbacks
from chronos_gitops.sync.status import SyncState

NIGHTLY = "30 3 * * *"


def key(folder: Path, name: str) -> Path:
    """An ed25519 key without a passphrase."""
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
    return path


@pytest.fixture
def signing(repository: Repository, tmp_path: Path) -> tuple[Path, Path]:
    """A key that ``repository`` signs with from now on, and the file that allows it; the first commit is signed."""
    path = key(tmp_path, "person")
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(f'person@example.com namespaces="git" {path.with_suffix(".pub").read_text()}')
    for name, value in (("gpg.format", "ssh"), ("user.signingKey", str(path)), ("commit.gpgSign", "true")):
        repository.git("config", name, value)
    repository.git("commit", "--quiet", "--amend", "--no-edit")
    return path, allowed


@pytest.fixture
def server(signing: tuple[Path, Path], repository: Repository, tmp_path: Path) -> Repository:
    return repository.bare(tmp_path / "server.git")


def unsigned(repository: Repository, schedule: str = NIGHTLY) -> str:
    repository.git("config", "commit.gpgSign", "false")
    repository.write_job("one", schedule=schedule)
    commit = repository.commit("Not signed")
    repository.push()
    repository.git("config", "commit.gpgSign", "true")
    return commit


def test_a_tip_without_a_signature_does_not_run_and_the_last_good_one_does(
    repository: Repository, server: Repository, signing: tuple[Path, Path], follow: Follow
) -> None:
    following = follow(server.root, signers=Signers(signing[1]))
    good = following.follower.status().revision.applied
    commit = unsigned(repository)
    status = following.follower.sync()
    assert (status.state, status.reason) == (SyncState.FAILED, "VerificationFailed")
    assert (status.revision.desired, status.revision.applied) == (commit, good)
    assert following.schedule("one") == "0 2 * * *"
    repository.commit("Signed again")
    repository.push()
    assert following.follower.sync().state is SyncState.SYNCED
    assert following.schedule("one") == NIGHTLY


@pytest.mark.parametrize("case", ["stranger", "withdrawn", "wrong namespace", "expired", "forged"])
def test_a_signature_that_is_not_good_here_is_none(
    repository: Repository, server: Repository, signing: tuple[Path, Path], follow: Follow, tmp_path: Path, case: str
) -> None:
    following = follow(server.root, signers=Signers(signing[1]))
    public = signing[0].with_suffix(".pub").read_text()
    if case == "stranger":
        repository.git("config", "user.signingKey", str(key(tmp_path, "stranger")))
    elif case == "withdrawn":
        signing[1].write_text("")
    elif case == "wrong namespace":
        signing[1].write_text(f'person@example.com namespaces="file" {public}')
    elif case == "expired":
        signing[1].write_text(f'person@example.com valid-before="20200101" {public}')
    repository.write_job("one", schedule=NIGHTLY)
    commit = repository.commit()
    if case == "forged":
        text = repository.git("cat-file", "commit", commit).replace("Test Author", "Somebody Else")
        forged = repository.git("hash-object", "-w", "-t", "commit", "--stdin", stdin=f"{text}\n")
        repository.git("update-ref", "refs/heads/main", forged)
    repository.push()
    assert following.follower.sync().reason == "VerificationFailed"
    assert following.schedule("one") == "0 2 * * *"


def test_a_pgp_signature_starts_no_program(
    repository: Repository, server: Repository, signing: tuple[Path, Path], follow: Follow
) -> None:
    pgp = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n aaaa\n -----END PGP SIGNATURE-----\n"
    text = repository.git("cat-file", "commit", unsigned(repository)).replace("\n\n", f"\n{pgp}\n", 1)
    forged = repository.git("hash-object", "-w", "-t", "commit", "--stdin", stdin=f"{text}\n")
    repository.git("push", "--quiet", "--force", "origin", f"{forged}:refs/heads/main")
    assert follow(server.root, signers=Signers(signing[1])).follower.status().reason == "VerificationFailed"


def test_our_own_rollback_is_signed_and_therefore_runs(
    repository: Repository, server: Repository, signing: tuple[Path, Path], follow: Follow, tmp_path: Path
) -> None:
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit()
    repository.push()
    ours = key(tmp_path, "runner")
    with signing[1].open("a") as file:
        file.write(f"runner@localhost {ours.with_suffix('.pub').read_text()}")
    following = follow(server.root, signers=Signers(signing[1]))
    asked = RollbackRequest("one", "1", "", Person("Alice", "a@example.com"), "id-1")
    with pytest.raises(SigningKeyMissing):
        Rollbacks(following.follower, must_sign=True).perform(asked)
    result = Rollbacks(following.follower, signing_key=ours, must_sign=True).perform(asked)
    assert following.follower.status().revision.applied == result.commit
    assert following.schedule("one") == "0 2 * * *"


def test_no_rollback_vouches_for_a_tip_that_nobody_signed(
    repository: Repository, server: Repository, signing: tuple[Path, Path], follow: Follow
) -> None:
    repository.write_job("two", schedule=NIGHTLY)
    repository.commit()
    repository.push()
    following = follow(server.root, signers=Signers(signing[1]))
    commit = unsigned(repository)
    asked = RollbackRequest("two", "1", "", Person("Alice", "a@example.com"), "id-1")
    with pytest.raises(VerificationFailed):
        Rollbacks(following.follower, signing_key=signing[0], must_sign=True).perform(asked)
    assert server.head("refs/heads/main") == commit


def test_a_rollback_in_a_checkout_is_signed_where_there_is_a_key(
    repository: Repository, signing: tuple[Path, Path], follow: Follow
) -> None:
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit()
    following = follow(repository.root)
    asked = RollbackRequest("one", "1", "", Person("Alice", "a@example.com"), "id-1")
    Rollbacks(following.follower, signing_key=signing[0]).perform(asked)
    repository.git("config", "gpg.ssh.allowedSignersFile", str(signing[1]))
    assert repository.git("log", "-1", "--format=%G? %GS") == "G person@example.com"


def test_what_makes_no_sense_is_refused_at_the_start(repository: Repository, tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    with pytest.raises(UsageError, match="is not a file"):
        Signers(allowed)
    allowed.write_text("")
    with pytest.raises(UsageError, match="needs --follow branch"):
        build(Settings(repo=str(repository.root), data=tmp_path / "data", verify_commits=allowed))
