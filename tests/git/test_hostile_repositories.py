"""Repositories that mean harm: none of them runs a program, leaves its folder, or stops the jobs that are well."""

import contextlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import Follow, Following
from harness.repositories.repository import Repository, job_text

from chronos_gitops.errors import ChronosError
from chronos_gitops.git.commit import Person
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest

Harm = Callable[[Repository, str], None]
BOMB = "name: bomb\nschedule: '@daily'\nx: &a [1]\ny: &b [*a,*a]\nz: [*b,*b]\nwebhook: {url: https://example.com/}\n"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12\n".format("0" * 64)


def config(**values: str) -> Harm:
    """Settings in the repository's own config that would run a program."""

    def plant(repository: Repository, canary: str) -> None:
        repository.write("jobs/.gitattributes", "*.yaml filter=evil diff=evil\n")
        repository.commit()
        for key, value in values.items():
            repository.git("config", key.replace("__", "."), value.replace("CANARY", canary))

    return plant


def hook(name: str) -> Harm:
    def plant(repository: Repository, canary: str) -> None:
        repository.hook(name, f"touch {canary}")

    return plant


def file(path: str, text: str) -> Harm:
    def plant(repository: Repository, canary: str) -> None:
        target = repository.root / path.replace("CANARY", "x")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace("CANARY", canary), "utf-8")
        repository.commit()

    return plant


def link(path: str, target: str) -> Harm:
    def plant(repository: Repository, canary: str) -> None:
        (repository.root / path).symlink_to(target)
        repository.commit()

    return plant


def submodule(repository: Repository, canary: str) -> None:
    repository.write(".gitmodules", f'[submodule "s"]\n\tpath = jobs/s\n\turl = ext::sh -c "touch {canary}"\n')
    repository.git("add", ".gitmodules")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},jobs/s.yaml")
    repository.git("commit", "--quiet", "--message", "A submodule")


def raw_tree(name: str) -> Harm:
    """A name that git itself would never write into a tree."""

    def plant(repository: Repository, canary: str) -> None:
        body = f"name: raw\nschedule: '@daily'\nwebhook:\n  url: https://example.com/\n# {canary}\n"
        blob = repository.git("hash-object", "-w", "--stdin", stdin=body)
        kept = bytes.fromhex(repository.git("rev-parse", "HEAD:jobs"))
        entries = {b"jobs": (b"40000", kept), name.encode(): (b"100644", bytes.fromhex(blob))}
        tree = b"".join(mode + b" " + path + b"\0" + id for path, (mode, id) in sorted(entries.items()))
        made = subprocess.run(
            ["git", "hash-object", "-t", "tree", "-w", "--stdin", "--literally"],
            cwd=repository.root,
            input=tree,
            capture_output=True,
            check=True,
        )
        commit = repository.git("commit-tree", "-p", "HEAD", "-m", "Raw", made.stdout.decode().strip())
        repository.git("update-ref", "refs/heads/main", commit)

    return plant


def message(text: str) -> Harm:
    def plant(repository: Repository, canary: str) -> None:
        repository.git("commit", "--quiet", "--allow-empty", "--message", text.replace("CANARY", canary))

    return plant


def author(repository: Repository, canary: str) -> None:
    repository.write_job("three")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--author", f"$(touch {canary}) `id` <--output={canary}>", "--message", "Odd")


def tag_like_the_branch(repository: Repository, canary: str) -> None:
    repository.write_job("one", schedule="9 9 * * *")
    repository.git("tag", "main", repository.commit())
    repository.git("reset", "--quiet", "--hard", "HEAD~1")


def replaced(repository: Repository, canary: str) -> None:
    before = repository.head()
    repository.write_job("one", schedule="9 9 * * *")
    repository.git("replace", before, repository.commit())
    repository.git("reset", "--quiet", "--hard", before, env={"GIT_NO_REPLACE_OBJECTS": "1"})


def alternates(repository: Repository, canary: str) -> None:
    (repository.root / ".git/objects/info").mkdir(exist_ok=True)
    (repository.root / ".git/objects/info/alternates").write_text(f"{canary}/objects\n")


HOSTILE: dict[str, Harm] = {
    "a post-checkout hook": hook("post-checkout"),
    "a reference-transaction hook": hook("reference-transaction"),
    "a post-index-change hook": hook("post-index-change"),
    "a smudge filter": config(filter__evil__smudge="touch CANARY", filter__evil__clean="touch CANARY"),
    "a filter process": config(filter__evil__process="touch CANARY"),
    "a textconv": config(diff__evil__textconv="touch CANARY;", diff__evil__command="touch CANARY;"),
    "an external diff": config(diff__external="touch CANARY;"),
    "a file system monitor": config(core__fsmonitor="touch CANARY;"),
    "an ssh command": config(core__sshCommand="touch CANARY;", core__gitProxy="touch CANARY"),
    "a pager and an editor": config(core__pager="touch CANARY;", core__editor="touch CANARY;"),
    "a credential helper": config(credential__helper="!touch CANARY;"),
    "a pack-objects hook": config(uploadpack__packObjectsHook="touch CANARY;"),
    "a signing program": config(gpg__program="touch CANARY;", commit__gpgSign="true"),
    "an alias": config(alias__log="!touch CANARY", alias__fetch="!touch CANARY"),
    "a link out of the tree": link("jobs/passwords.yaml", "/etc/passwd"),
    "a folder that is a link": link("jobs/everything", "/"),
    "a submodule with a program for an address": submodule,
    "a file of two mebibytes": file("jobs/huge.yaml", "x" * (2 << 20)),
    "a pointer to elsewhere": file("jobs/lfs.yaml", LFS),
    "names that differ by case": file("jobs/ONE.yaml", job_text("one")),
    "a file called like an option": file("jobs/--output=CANARY.yaml", job_text("dashed")),
    "a file name with escapes": file("jobs/\x1b[2J\n'$(touch x)'.yaml", job_text("escaped")),
    "folders without end": file("/".join(["jobs", *["d"] * 150, "deep.yaml"]), job_text("deep")),
    "a bomb of aliases": file("jobs/bomb.yaml", BOMB),
    "a tag that makes a program": file("jobs/tag.yaml", "name: !!python/object/apply:os.system ['touch CANARY']\n"),
    "a name that is a command": file("jobs/name.yaml", job_text("x").replace("name: x", "name: $(touch CANARY)")),
    "a path out of the repository": raw_tree("../escape.yaml"),
    "a folder of git in the tree": raw_tree(".git"),
    "a message of trailers": message("Hm\n\nChronos-Allow-Deletes: 999\nChronos-Request-Id: request-1\x1b[2J"),
    "an author who is a command": author,
    "a tag with the name of the branch": tag_like_the_branch,
    "a replaced commit": replaced,
    "alternates that are elsewhere": alternates,
}


def used(following: Following) -> None:
    """The life of a repository in a runner; a refusal is as good as an answer."""
    following.follower.sync()
    index = following.follower.index()
    for job in index.jobs():
        for version in index.versions(job):
            if version.blob:
                following.follower.read(version.blob)
    asked = RollbackRequest("two", "1", "", Person("Alice", "alice@example.com"), "")
    with contextlib.suppress(ChronosError):
        Reverter(following.follower).perform(asked)


@pytest.mark.parametrize("mode", ["branch", "worktree"])
@pytest.mark.parametrize("harm", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_repository_does_no_harm(
    repository: Repository, follow: Follow, tmp_path: Path, harm: Harm, mode: str
) -> None:
    repository.write_job("two", schedule="1 1 * * *")
    repository.commit("Something to roll back")
    canary = tmp_path / "canary"
    harm(repository, str(canary))
    canary.unlink(missing_ok=True)  # what the person's own git did while it was planted
    before = set(tmp_path.iterdir())
    following = follow(repository.root, mode=mode)
    used(following)
    assert following.schedule("one") == "0 2 * * *"
    assert not canary.exists()
    assert set(tmp_path.iterdir()) <= before | {tmp_path / "data"}
