"""Only what an allowed signer signed runs; our own rollback commits are signed too. Real ssh-keygen."""

import subprocess
from pathlib import Path

import pytest
from harness.programs.git_http_server import HttpGit
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository

from chronos_gitops.app import build
from chronos_gitops.config.settings import Settings
from chronos_gitops.errors import UsageError
from chronos_gitops.git.commit import Person
from chronos_gitops.git.signatures.errors import VerificationFailed
from chronos_gitops.git.signatures.signers import Signers
from chronos_gitops.git.signatures.signing_key import SigningKeyMissing
from chronos_gitops.rollback.before_commit import UndoRequest
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest
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
    assert [(one.commit, one.why) for one in status.unverified] == [(commit, "is not signed")]
    repository.commit("Signed again")
    repository.push()
    assert following.follower.sync().state is SyncState.FAILED
    assert following.schedule("one") == "0 2 * * *"
    repository.commit(f"Review it\n\nChronos-Vouch: {commit}")
    repository.push()
    status = following.follower.sync()
    assert (status.state, status.unverified) == (SyncState.SYNCED, ())
    assert [vouch.commit for vouch in status.vouched] == [commit]
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
    signers = Signers(signing[1])
    following = follow(server.root, signers=signers)
    asked = RollbackRequest("one", "1", "", Person("Alice", "a@example.com"), "id-1")
    with pytest.raises(SigningKeyMissing):
        Reverter(following.follower, signers=signers).perform(asked)
    result = Reverter(following.follower, signing_key=ours, signers=signers).perform(asked)
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
        Reverter(following.follower, signing_key=signing[0], signers=Signers(signing[1])).perform(asked)
    assert server.head("refs/heads/main") == commit


def test_a_rollback_in_a_checkout_is_signed_where_there_is_a_key(
    repository: Repository, signing: tuple[Path, Path], follow: Follow
) -> None:
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit()
    following = follow(repository.root)
    asked = RollbackRequest("one", "1", "", Person("Alice", "a@example.com"), "id-1")
    Reverter(following.follower, signing_key=signing[0]).perform(asked)
    repository.git("config", "gpg.ssh.allowedSignersFile", str(signing[1]))
    assert repository.git("log", "-1", "--format=%G? %GS") == "G person@example.com"


@pytest.mark.parametrize("is_signed", [True, False])
def test_a_clean_merge_that_is_not_signed_approves_no_deletions(
    repository: Repository, server: Repository, signing: tuple[Path, Path], follow: Follow, is_signed: bool
) -> None:
    """Its trailer is the word of a pusher without a key."""
    for name in ("three", "four", "five", "six"):
        repository.write_job(name)
    repository.commit()
    repository.push()
    following = follow(server.root, signers=Signers(signing[1]))
    repository.git("checkout", "--quiet", "-b", "side")
    for path in (repository.root / "jobs").glob("*.yaml"):
        if path.stem not in ("one", "two"):
            path.unlink()
    repository.commit("Delete four jobs")
    repository.git("checkout", "--quiet", "main")
    repository.write("README", "a text")
    repository.commit()
    repository.git("config", "commit.gpgSign", str(is_signed).lower())
    repository.git("merge", "--quiet", "--no-ff", "-m", "Merge\n\nChronos-Allow-Deletes: 4", "side")
    repository.push()
    status = following.follower.sync()
    assert status.revision.desired == repository.head()
    assert (status.held is None) == is_signed
    assert len(following.names) == (2 if is_signed else 6)


@pytest.mark.parametrize("is_clean", [True, False])
def test_a_merge_beside_contents_that_the_mirror_lacks_is_repeated_with_them(
    repository: Repository,
    server: Repository,
    signing: tuple[Path, Path],
    follow: Follow,
    is_clean: bool,
) -> None:
    """Of a monorepo behind a URL the mirror has the jobs folder only; both sides changed a file outside it."""
    server.git("config", "uploadpack.allowFilter", "true")
    text = [f"line {number}\n" for number in range(100)]
    repository.write("src/app.txt", "".join(text))
    repository.commit()
    repository.push()
    with HttpGit(server.root.parent) as web:
        following = follow(web.url("server.git"), signers=Signers(signing[1]))
        repository.git("checkout", "--quiet", "-b", "side")
        repository.write("src/app.txt", "".join(["first\n", *text[1:]]))
        repository.write_job("one", schedule=NIGHTLY)
        repository.commit()
        repository.git("checkout", "--quiet", "main")
        repository.write("src/app.txt", "".join([*text[:-1], "last\n"]))
        repository.commit()
        repository.git("config", "commit.gpgSign", "false")
        repository.git("merge", "--quiet", "--no-ff", "--no-edit", "side")
        if not is_clean:
            repository.write("src/app.txt", "something else\n")
            repository.git("commit", "--quiet", "--all", "--amend", "--no-edit")
        repository.push()
        status = following.follower.sync()
        assert [one.why for one in status.unverified] == ([] if is_clean else ["is not signed; its merge is not clean"])
        assert status.reason == (None if is_clean else "VerificationFailed"), status.message
        assert following.schedule("one") == (NIGHTLY if is_clean else "0 2 * * *")


@pytest.mark.parametrize("case", ["not allowed", "revoked", "with a passphrase", "not there"])
def test_no_commit_is_made_with_a_key_that_this_runner_would_refuse(
    repository: Repository, server: Repository, signing: tuple[Path, Path], follow: Follow, tmp_path: Path, case: str
) -> None:
    repository.write_job("one", schedule=NIGHTLY)
    head = repository.commit()
    repository.push()
    ours, revoked = key(tmp_path, "runner"), tmp_path / "revoked"
    public = ours.with_suffix(".pub").read_text()
    revoked.write_text(public if case == "revoked" else "")
    if case != "not allowed":
        with signing[1].open("a") as file:
            file.write(f"runner@localhost {public}")
    if case == "with a passphrase":
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(ours)], check=True)
    if case == "not there":
        ours.unlink()
    signers = Signers(signing[1], revoked)
    following = follow(server.root, signers=signers)
    asked = RollbackRequest("one", "1", "", Person("Alice", "a@example.com"), "id-1")
    rollbacks = Reverter(following.follower, signing_key=ours, signers=signers)
    with pytest.raises(SigningKeyMissing) as failure:
        rollbacks.perform(asked)
    assert failure.value.hint
    with pytest.raises(SigningKeyMissing):
        rollbacks.perform(UndoRequest(head, "", Person("Alice", "a@example.com"), "id-2"))
    assert server.head("refs/heads/main") == head
    assert following.follower.status().state is SyncState.SYNCED


def test_an_undo_is_signed_and_therefore_runs(
    repository: Repository, server: Repository, signing: tuple[Path, Path], follow: Follow
) -> None:
    repository.write_job("one", schedule=NIGHTLY)
    head = repository.commit()
    repository.push()
    signers = Signers(signing[1])
    following = follow(server.root, signers=signers)
    rollbacks = Reverter(following.follower, signing_key=signing[0], signers=signers)
    rollbacks.perform(UndoRequest(head, "", Person("Alice", "a@example.com"), "id-1"))
    assert following.follower.status().state is SyncState.SYNCED
    assert following.schedule("one") == "0 2 * * *"


def test_what_makes_no_sense_is_refused_at_the_start(repository: Repository, tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    with pytest.raises(UsageError, match="is not a file"):
        Signers(allowed)
    allowed.write_text("")
    with pytest.raises(UsageError, match="needs --follow branch"):
        build(Settings(repo=str(repository.root), data=tmp_path / "data", verify_commits=allowed))
