"""Each reason why a commit does not count has words of its own; real git, real ssh-keygen, SHA-1 and SHA-256."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness.repositories.commit_signing import PRINCIPAL, CommitMaker, Signer, signature_without_content
from harness.repositories.repository import Repository

from chronos_gitops.errors import UsageError
from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import discover
from chronos_gitops.git.signatures.errors import VerificationFailed
from chronos_gitops.git.signatures.signers import Signers
from chronos_gitops.git.verification.commit_verifier import CommitVerifier
from chronos_gitops.git.verification.verified_history import VerifiedHistory

PGP = "-----BEGIN PGP SIGNATURE-----\n\naaaa\n-----END PGP SIGNATURE-----\n"
X509 = "-----BEGIN SIGNED MESSAGE-----\naaaa\n-----END SIGNED MESSAGE-----\n"


class Setting:
    """A repository with one commit to judge, and the signer files."""

    def __init__(self, folder: Path, object_format: str) -> None:
        self.folder = folder
        self.repository = Repository(folder / "work")
        self.repository.git(
            "init", "--quiet", "--template=", f"--object-format={object_format}", "--initial-branch=main"
        )
        self.signer = Signer(folder)
        self.make = CommitMaker(self.repository, self.signer)
        self.allowed = self.signer.allow(folder / "allowed")
        self.revoked: Path | None = None
        self.git = Git(discover(self.repository.root))

    def header(self) -> str:
        person = "Ada Lovelace <a@example.com> 1780000000 +0000"
        return f"tree {self.make.tree({'jobs/a.yaml': 'a'})}\nauthor {person}\ncommitter {person}"

    def revoke(self, content: str) -> Path:
        self.revoked = self.folder / "revoked"
        self.revoked.write_text(content)
        return self.revoked

    def why(self, commit: str) -> str:
        verifier = CommitVerifier(
            Signers(self.allowed, self.revoked), VerifiedHistory(self.folder / "verified.jsonl", "repository")
        )
        with pytest.raises(VerificationFailed) as failure:
            verifier.verify(self.git, commit)
        (unverified,) = failure.value.unverified
        assert (unverified.commit, unverified.author) == (commit, "Ada Lovelace")
        assert failure.value.message == f"commit {commit[:12]} by Ada Lovelace {unverified.why}"
        return unverified.why


@pytest.fixture(params=["sha1", "sha256"])
def setting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Setting]:
    made = Setting(tmp_path, request.param)
    yield made
    made.git.close()


def _signed(setting: Setting) -> str:
    return setting.make.add(setting.header(), "A change", setting.signer.signature)


def _unsigned(setting: Setting) -> str:
    return setting.make.add(setting.header(), "A change")


def _pgp(setting: Setting) -> str:
    return setting.make.add(setting.header(), "A change", PGP)


def _x509(setting: Setting) -> str:
    return setting.make.add(setting.header(), "A change", X509)


def _garbage(setting: Setting) -> str:
    return setting.make.add(
        setting.header(), "A change", "-----BEGIN SSH SIGNATURE-----\n%%\n-----END SSH SIGNATURE-----"
    )


def _of_another_content(setting: Setting) -> str:
    return setting.make.add(setting.header(), "A change", setting.signer.signature(b"another content"))


def _for_a_file(setting: Setting) -> str:
    return setting.make.add(setting.header(), "A change", lambda text: setting.signer.signature(text, "file"))


def _made_up(setting: Setting) -> str:
    return setting.make.add(setting.header(), "A change", signature_without_content(setting.signer.public, "git"))


def _by_a_stranger(setting: Setting) -> str:
    return setting.make.add(setting.header(), "A change", Signer(setting.folder, "stranger").signature)


def _expired(setting: Setting) -> str:
    setting.allowed.write_text(f'{PRINCIPAL} valid-before="20200101" {setting.signer.public}\n')
    return _signed(setting)


def _not_yet_valid(setting: Setting) -> str:
    setting.allowed.write_text(f'{PRINCIPAL} namespaces="git",valid-after="20990101" {setting.signer.public}\n')
    return _signed(setting)


def _allowed_for_files(setting: Setting) -> str:
    setting.allowed.write_text(f'{PRINCIPAL} namespaces="file,mail" {setting.signer.public}\n')
    return _signed(setting)


def _without_a_principal(setting: Setting) -> str:
    setting.allowed.write_text(f"# the team\n{setting.signer.public}\n")
    return _signed(setting)


def _withdrawn(setting: Setting) -> str:
    setting.allowed.write_text("")
    return _signed(setting)


def _revoked(setting: Setting) -> str:
    setting.revoke(f"# lost on a train\n{setting.signer.public}\n")
    return _signed(setting)


def _revoked_by_list(setting: Setting) -> str:
    file = setting.revoke("")
    file.unlink()
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", str(file), f"{setting.signer.key}.pub"], check=True)
    return _signed(setting)


REASONS: dict[Callable[[Setting], str], str] = {
    _unsigned: "is not signed",
    _pgp: "has an OpenPGP signature; only SSH signatures are checked",
    _x509: "has an X.509 signature; only SSH signatures are checked",
    _garbage: "has a signature that cannot be read",
    _of_another_content: "has a bad signature: it was made for another content",
    _made_up: "has a bad signature: it was made for another content",
    _for_a_file: 'is signed for another namespace: "file", not "git"',
    _by_a_stranger: "is signed by no allowed signer: SHA256:",
    _withdrawn: "is signed by no allowed signer: SHA256:",
    _expired: "is signed by a key outside its validity: SHA256:",
    _not_yet_valid: "is signed by a key outside its validity: SHA256:",
    _allowed_for_files: "is signed by a key that is allowed for another namespace: SHA256:",
    _without_a_principal: "is signed by a key without a principal (line 2 of the allowed signers): SHA256:",
    _revoked: "is signed by a revoked key: SHA256:",
    _revoked_by_list: "is signed by a revoked key: SHA256:",
}


@pytest.mark.parametrize("case", REASONS, ids=lambda case: case.__name__.strip("_"))
def test_each_reason_has_words_of_its_own(setting: Setting, case: Callable[[Setting], str]) -> None:
    commit = case(setting)
    why = setting.why(commit)
    assert why.startswith(REASONS[case]) if REASONS[case].endswith(":") else why == REASONS[case]


@pytest.mark.parametrize("options", ["", 'namespaces="git"', 'namespaces="file,git" ', 'valid-after="20200101"'])
def test_a_good_signature_passes_beside_revoked_keys_of_others(setting: Setting, options: str) -> None:
    setting.allowed.write_text(f"# nobody\n{PRINCIPAL} {options} {setting.signer.public}\n")
    signers = Signers(setting.allowed, setting.revoke(Signer(setting.folder, "other").public))
    history = VerifiedHistory(setting.folder / "verified.jsonl", "repository")
    CommitVerifier(signers, history).verify(setting.git, _signed(setting))
    assert history.anchor == history.bases[0]


@pytest.mark.parametrize("name", ["allowed", "revoked"])
def test_a_file_that_is_gone_lets_nothing_pass(setting: Setting, name: str) -> None:
    commit = _signed(setting)
    signers = Signers(setting.allowed, setting.revoke(""))
    (setting.folder / name).unlink()
    verifier = CommitVerifier(signers, VerifiedHistory(setting.folder / "verified.jsonl", "repository"))
    with pytest.raises(VerificationFailed, match=f"is missing: .*{name}"):
        verifier.verify(setting.git, commit)


def test_what_is_no_list_of_revoked_keys_is_refused_at_the_start(setting: Setting) -> None:
    with pytest.raises(UsageError, match=r"verify.revoked_file, line 2: this is not a public key"):
        Signers(setting.allowed, setting.revoke("# fingerprints\nSHA256:abcdef\n"))
    with pytest.raises(UsageError, match=r"verify.revoked_file: .* is not a file"):
        Signers(setting.allowed, setting.folder / "nothing")
    with pytest.raises(UsageError, match=r"--verify-commits: .* is not a file"):
        Signers(setting.folder / "nothing")
