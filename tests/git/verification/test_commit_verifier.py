"""The conditions on a head that is applied: over all parents, after restarts, rewrites and vouches; linear cost."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from harness.repositories.commit_signing import CommitMaker, Signer
from harness.repositories.repository import Repository

from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import discover
from chronos_gitops.git.signatures.errors import VerificationFailed
from chronos_gitops.git.signatures.signers import Signers
from chronos_gitops.git.verification.commit_verifier import CommitVerifier
from chronos_gitops.git.verification.verified_history import VerifiedHistory, Vouch

PGP = "-----BEGIN PGP SIGNATURE-----\n\naaaa\n-----END PGP SIGNATURE-----\n"


class Setting:
    """A repository of objects, and a runner that can be restarted with or without its data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = Repository.init(folder / "work")
        self.signer = Signer(folder)
        self.make = CommitMaker(self.repository, self.signer)
        self.allowed = self.signer.allow(folder / "allowed")
        self.revoked = folder / "revoked"
        self.revoked.touch()
        self.git = Git(discover(self.repository.root))
        self.since: str | None = None
        self.verifier = self.restarted()

    def restarted(self, *, is_lost: bool = False) -> CommitVerifier:
        file = self.folder / "verified.jsonl"
        if is_lost:
            file.unlink(missing_ok=True)
        self.history = VerifiedHistory(file, "repository")
        self.verifier = CommitVerifier(Signers(self.allowed, self.revoked), self.history, since=self.since)
        return self.verifier

    def commit(self, *parents: str, files: str = "", signed: bool = True, message: str = "A change") -> str:
        """``files`` are the letters of files that it has."""
        tree = self.make.tree({f"jobs/{letter}.yaml": letter for letter in files or "a"})
        return self.make.commit(tree, *parents, message=message, signed=signed)

    def merge(self, one: str, other: str, *, signed: bool = False, files: str = "", signature: str = "") -> str:
        """Clean, or with exactly these files."""
        tree = self.make.tree({f"jobs/{one}.yaml": one for one in files}) if files else self.make.merged(one, other)
        if not signature:
            return self.make.commit(tree, one, other, signed=signed)
        person = "Forge <forge@example.com> 1780000000 +0000"
        header = f"tree {tree}\nparent {one}\nparent {other}\nauthor {person}\ncommitter {person}"
        return self.make.add(header, "Merge pull request 7", signature)

    def verify(self, head: str) -> None:
        self.verifier.verify(self.git, head)

    def refused(self, head: str) -> VerificationFailed:
        with pytest.raises(VerificationFailed) as failure:
            self.verify(head)
        return failure.value

    def chain(self, root: str, count: int, *, unsigned: Sequence[int] = ()) -> list[str]:
        """Commits on top of ``root``, numbered from 1."""
        made = [root]
        for number in range(1, count + 1):
            made.append(self.commit(made[-1], signed=number not in unsigned, message=f"Change {number}"))
        return made[1:]


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    made = Setting(tmp_path)
    yield made
    made.git.close()


def whys(failure: VerificationFailed) -> dict[str, str]:
    return {one.commit: one.why for one in failure.unverified}


def test_the_message_names_the_commit_its_author_and_its_place(setting: Setting) -> None:
    root = setting.commit()
    setting.verify(root)
    chain = setting.chain(root, 5, unsigned=[3])
    failure = setting.refused(chain[-1])
    expected = f"commit {chain[2][:12]} by Ada Lovelace, 3rd of 5 since {root[:12]}, is not signed"
    assert failure.message == expected
    assert f"Chronos-Vouch: {chain[2]}" in failure.hint
    assert whys(failure) == {chain[2]: "is not signed"}
    assert setting.history.anchor == root


def test_ten_commits_are_named_at_most(setting: Setting) -> None:
    root = setting.commit()
    setting.verify(root)
    chain = setting.chain(root, 14, unsigned=range(1, 14))
    failure = setting.refused(chain[-1])
    assert list(whys(failure)) == chain[:10]
    assert failure.hint.startswith("the sync status lists 10 such commits; ")


def test_a_signed_merge_launders_no_second_parent(setting: Setting) -> None:
    root = setting.commit(files="a")
    setting.verify(root)
    ours, theirs = setting.commit(root, files="ab"), setting.commit(root, files="ac", signed=False)
    failure = setting.refused(setting.merge(ours, theirs, signed=True))
    assert whys(failure) == {theirs: "is not signed"}


@pytest.mark.parametrize("signature", ["", PGP])
def test_a_clean_merge_of_signed_commits_passes_as_a_forge_makes_it(setting: Setting, signature: str) -> None:
    root = setting.commit(files="a")
    setting.verify(root)
    ours, theirs = setting.commit(root, files="ab"), setting.commit(root, files="ac")
    setting.verify(setting.merge(ours, theirs, signature=signature))
    assert setting.refused(setting.merge(theirs, setting.commit(root, files="ad"), files="acdx")).unverified


def test_a_merge_that_is_edited_or_has_three_parents_must_be_signed(setting: Setting) -> None:
    root = setting.commit(files="a")
    setting.verify(root)
    one, two, three = (setting.commit(root, files=files) for files in ("ab", "ac", "ad"))
    edited = setting.merge(one, two, files="abcx")
    assert whys(setting.refused(edited)) == {edited: "is not signed; its merge is not clean"}
    pgp = setting.merge(one, two, files="abcx", signature=PGP)
    assert whys(setting.refused(pgp))[pgp].startswith("has an OpenPGP signature; only SSH signatures are checked; its")
    octopus = setting.make.commit(setting.make.tree({"jobs/a.yaml": "a"}), one, two, three, signed=False)
    assert whys(setting.refused(octopus)) == {octopus: "is not signed"}
    setting.verify(setting.merge(one, two, files="abcx", signed=True))


def test_a_clean_merge_brings_back_no_commit_from_before_the_first_head(setting: Setting) -> None:
    """Its tree is that of the old commit: a force push of the old commit itself is refused as well."""
    root = setting.commit(files="a")
    old = setting.commit(root, files="ab", signed=False)
    first = setting.commit(old, files="a")
    setting.verify(first)
    assert whys(setting.refused(old)) == {old: "is not signed"}
    revived = setting.merge(old, root, files="ab")
    assert whys(setting.refused(revived)) == {revived: f"is a merge of {old[:12]}, which is not signed"}
    hidden = setting.merge(setting.merge(old, root, files="ab"), first, files="a")
    assert setting.make.merged(revived, first) == setting.repository.git("rev-parse", f"{hidden}^{{tree}}")
    assert setting.refused(hidden)


def test_branches_that_forked_before_the_first_head_merge_cleanly_when_their_commits_are_signed(
    setting: Setting,
) -> None:
    root = setting.commit(files="a", signed=False)
    fork = setting.commit(root, files="ab")
    first = setting.commit(fork, files="abc")
    setting.verify(first)
    setting.verify(setting.merge(first, setting.commit(fork, files="abd")))
    setting.restarted()
    updated = setting.merge(setting.commit(fork, files="abe"), first)
    setting.verify(setting.merge(setting.history.anchor or "", updated))


def test_the_first_head_must_stand_alone_and_is_logged(setting: Setting, caplog: pytest.LogCaptureFixture) -> None:
    root = setting.commit(files="a", signed=False)
    assert setting.refused(root).message == f"commit {root[:12]} by Ada Lovelace is not signed"
    one, two = setting.commit(root, files="ab"), setting.commit(root, files="ac")
    bad = setting.merge(root, setting.commit(root, files="ad"), files="ad")
    assert setting.refused(bad)
    head = setting.merge(one, two)
    setting.verify(head)
    told = [record for record in caplog.records if record.message == "verify_anchor"]
    assert [record.__dict__["commit"] for record in told] == [head]


def test_a_restart_goes_on_from_the_last_verified_head(setting: Setting) -> None:
    root = setting.commit()
    setting.verify(root)
    hidden = setting.chain(root, 2, unsigned=[1])[-1]
    assert setting.refused(hidden)
    setting.restarted()
    assert setting.refused(hidden)


def test_without_its_data_folder_a_restart_trusts_a_signed_head_unless_verify_since_is_set(setting: Setting) -> None:
    root = setting.commit()
    hidden = setting.chain(root, 2, unsigned=[1])[-1]
    setting.since = root
    setting.restarted(is_lost=True)
    assert setting.refused(hidden).message.endswith(f"1st of 2 since {root[:12]}, is not signed")
    setting.since = None
    setting.restarted(is_lost=True).verify(setting.git, hidden)


def test_verify_since_that_is_not_there_lets_nothing_pass(setting: Setting) -> None:
    root = setting.commit()
    setting.since = "0" * 39 + "1"
    setting.restarted()
    assert "verify_since names 000" in setting.refused(root).message
    setting.since = root
    setting.restarted().verify(setting.git, root)
    setting.since = "0" * 39 + "1"  # a verified head is known: it is not needed any more
    setting.restarted().verify(setting.git, root)


def test_the_first_merge_button_after_verify_since_works(setting: Setting) -> None:
    root = setting.commit(files="a", signed=False)
    setting.since = root
    setting.restarted()
    assert whys(setting.refused(root)) == {root: "is not signed"}
    setting.verify(setting.merge(root, setting.commit(root, files="ab")))
    setting.restarted()
    setting.verify(setting.merge(setting.history.anchor or "", setting.commit(root, files="ac")))


def test_verify_since_trusts_a_history_that_was_rewritten(setting: Setting) -> None:
    setting.verify(setting.commit())
    other = setting.chain(setting.commit(signed=False), 3, unsigned=[2])
    head = setting.commit(other[-1])
    assert setting.refused(head)
    setting.since = other[-1]
    setting.restarted().verify(setting.git, head)


@pytest.mark.parametrize("gone", ["anchor", "everything"])
def test_a_force_push_is_verified_down_to_what_both_histories_share(setting: Setting, gone: str) -> None:
    root = setting.commit()
    setting.verify(setting.chain(root, 2)[-1])
    if gone == "everything":
        root = setting.commit(files="z")
    good, bad = setting.chain(root, 3), setting.chain(root, 3, unsigned=[2])
    assert whys(setting.refused(bad[-1])) == {bad[1]: "is not signed"}
    setting.verify(good[-1])
    assert setting.refused(bad[-1])


def test_an_anchor_that_is_not_there_any_more_trusts_nothing(setting: Setting, tmp_path: Path) -> None:
    """As after a force push and a mirror that was made anew: it has the new history only."""
    setting.verify(setting.commit(files="q"))
    root = setting.commit(files="a")
    bad = setting.chain(root, 2, unsigned=[1])
    setting.repository.git("update-ref", "refs/heads/main", bad[-1])
    copy = tmp_path / "copy"  # over a transport, which leaves out what no ref reaches
    setting.repository.git("clone", "--quiet", f"file://{setting.repository.root}", str(copy))
    git = Git(discover(copy))
    with pytest.raises(VerificationFailed, match="2nd of 3 since the first commit, is not signed"):
        setting.verifier.verify(git, bad[-1])
    git.close()


def test_a_revoked_key_counts_for_the_head_that_runs_already(setting: Setting) -> None:
    root = setting.commit()
    setting.verify(root)
    setting.verify(root)
    setting.revoked.write_text(f"{setting.signer.public}\n")
    assert "is signed by a revoked key" in setting.refused(root).message
    setting.revoked.write_text("")
    setting.verify(root)


def test_a_signed_commit_vouches_for_commits_below_it(setting: Setting) -> None:
    root = setting.commit()
    setting.verify(root)
    chain = setting.chain(root, 4, unsigned=[1, 3])
    named = "\n".join(f"Chronos-Vouch: {chain[index]}" for index in (0, 2))
    top = setting.commit(chain[-1], message=f"Review what was pushed\n\n{named}")
    setting.verify(top)
    assert setting.verifier.vouches == tuple(
        Vouch(chain[index], "Ada Lovelace", top, "Ada Lovelace") for index in (0, 2)
    )
    assert setting.restarted().vouches == setting.verifier.vouches
    assert whys(setting.refused(chain[0])) == {chain[0]: "is not signed"}  # the vouch is not in its history


@pytest.mark.parametrize("case", ["not signed", "short", "upper case", "beside it", "itself", "no trailer", "another"])
def test_no_other_vouch_counts(setting: Setting, case: str) -> None:
    root = setting.commit()
    setting.verify(root)
    bad = setting.commit(root, files="ab", signed=False)
    name = {"short": bad[:39], "upper case": bad.upper(), "another": setting.commit(root, files="ax")}.get(case, bad)
    message = f"Review\n\nChronos-Vouch: {name}"
    if case == "no trailer":
        message = f"Chronos-Vouch: {bad}\n\nThis is the end of the message."
    if case == "beside it":
        reviewed = setting.commit(root, files="ac", message=message)
        head = setting.merge(bad, reviewed, signed=True)
    elif case == "itself":
        head = setting.commit(bad, files="abc")
    else:
        head = setting.commit(bad, files="abc", signed=case != "not signed", message=message)
    assert bad in whys(setting.refused(head))


def test_a_vouch_counts_once_the_commit_is_in_the_history(setting: Setting) -> None:
    root = setting.commit()
    setting.verify(root)
    bad = setting.commit(root, signed=False)
    assert setting.refused(bad)
    setting.verify(setting.commit(bad, message=f"Review\n\nReviewed-by: Grace\nchronos-vouch: {bad}"))


def test_a_shallow_copy_hides_no_parent(setting: Setting, tmp_path: Path) -> None:
    root = setting.commit()
    setting.verify(root)
    head = setting.chain(root, 4, unsigned=[2])[-1]
    setting.repository.git("update-ref", "refs/heads/main", head)
    shallow = tmp_path / "shallow"
    setting.repository.git("clone", "--quiet", "--depth=2", f"file://{setting.repository.root}", str(shallow))
    git = Git(discover(shallow))
    with pytest.raises(VerificationFailed, match="the repository is a shallow clone") as failure:
        setting.verifier.verify(git, head)
    assert "--unshallow" in failure.value.hint
    Repository(shallow).git("fetch", "--quiet", "--unshallow")
    with pytest.raises(VerificationFailed, match="2nd of 4"):
        setting.verifier.verify(git, head)
    git.close()


@pytest.fixture
def checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that gets a line for each signature that ssh-keygen verifies."""
    lines, folder = tmp_path / "checks", tmp_path / "bin"
    folder.mkdir()
    lines.touch()
    shim = folder / "ssh-keygen"
    real = next(Path(one, "ssh-keygen") for one in os.environ["PATH"].split(":") if Path(one, "ssh-keygen").exists())
    shim.write_text(f'#!/bin/sh\ncase "$2" in verify) echo >> {lines};; esac\nexec {real} "$@"\n')
    shim.chmod(shim.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return lines


def test_each_commit_is_checked_once_whatever_fails_and_restarts(checks: Path, setting: Setting) -> None:
    root = setting.commit()
    setting.verify(root)
    chain = setting.chain(root, 120, unsigned=[60])
    checks.write_text("")
    assert setting.refused(chain[-1])
    assert setting.refused(chain[-1])
    setting.restarted()
    assert setting.refused(chain[-1])
    assert len(checks.read_text()) == 119
    setting.verify(setting.commit(chain[-1], message=f"Review\n\nChronos-Vouch: {chain[59]}"))
    assert len(checks.read_text()) == 120


def test_progress_counts_for_the_same_signer_files_only(setting: Setting) -> None:
    root = setting.commit()
    setting.verify(root)
    other = Signer(setting.folder, "other")
    setting.allowed.write_text(setting.allowed.read_text() + f"other@example.com {other.public}\n")
    mine, setting.make.signer = setting.make.signer, other
    theirs = setting.commit(root)
    setting.make.signer = mine
    head = setting.chain(theirs, 2, unsigned=[1])[-1]
    assert theirs not in whys(setting.refused(head))
    setting.revoked.write_text(f"{other.public}\n")
    assert theirs in whys(setting.refused(head))
    setting.restarted()
    assert theirs in whys(setting.refused(head))


def test_without_merge_tree_merges_must_be_signed(
    setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A git from before 2.38 ends with its usage."""
    root = setting.commit(files="a")
    setting.verify(root)
    head = setting.merge(setting.commit(root, files="ab"), setting.commit(root, files="ac"))
    folder = tmp_path / "old"
    folder.mkdir()
    real = next(Path(one, "git") for one in os.environ["PATH"].split(":") if Path(one, "git").exists())
    usage = 'for word; do case "$word" in merge-tree) echo "usage: git merge-tree" >&2; exit 129;; esac; done'
    (folder / "git").write_text(f'#!/bin/sh\n{usage}\nexec {real} "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    setting.git = Git(discover(setting.repository.root))
    assert whys(setting.refused(head)) == {
        head: "is not signed; merges can be checked by git 2.38 or newer only; sign them"
    }
