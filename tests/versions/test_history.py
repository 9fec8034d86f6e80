"""Versions: numbered over the first-parent chain, by the name in the content."""

import time
from pathlib import Path

import pytest
from harness.repositories.repository import Repository, job_text

from chronos_gitops.errors import NotFoundError
from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import discover
from chronos_gitops.git.incomplete_clone import PresentObjects
from chronos_gitops.versions.history import History, Index
from chronos_gitops.versions.job_names import name_of
from chronos_gitops.versions.version import VersionChange

LATER = "30 3 * * *"


def index_of(repository: Repository) -> Index:
    git = Git(discover(repository.root))
    try:
        return History(PresentObjects(git), "jobs").index(repository.head())
    finally:
        git.close()


def told(index: Index, job: str) -> list[tuple[int, str, str]]:
    return [(version.number, version.change.value, version.path) for version in index.versions(job)]


def test_every_commit_that_changed_a_job_is_a_version_oldest_first(repository: Repository) -> None:
    repository.write_job("one", schedule=LATER)
    second = repository.commit("Later\n\nBecause of the backup.\n")
    repository.write("README.md", "not a job")
    repository.commit()
    index = index_of(repository)
    assert told(index, "one") == [(1, "created", "jobs/one.yaml"), (2, "changed", "jobs/one.yaml")]
    version = index.versions("one")[1]
    assert (version.commit, version.subject, version.body) == (second, "Later", "Because of the backup.")
    assert (version.author_name, version.author_email) == ("Test Author", "author@example.com")
    assert version.blob == repository.git("rev-parse", "HEAD:jobs/one.yaml")
    assert version.committed_at.tzinfo is not None
    assert told(index, "two") == [(1, "created", "jobs/two.yaml")]


def test_a_move_continues_also_when_the_content_changes_with_it(repository: Repository) -> None:
    repository.git("mv", "jobs/one.yaml", "jobs/uno.yaml")
    repository.commit()
    repository.remove("jobs/uno.yaml")
    repository.write_job("one", path="jobs/team/one.yml", schedule=LATER)
    repository.commit()
    assert told(index_of(repository), "one") == [
        (1, "created", "jobs/one.yaml"),
        (2, "moved", "jobs/uno.yaml"),
        (3, "moved", "jobs/team/one.yml"),
    ]


def test_a_deletion_is_a_version_and_a_job_made_again_goes_on_counting(repository: Repository) -> None:
    repository.remove("jobs/one.yaml")
    repository.commit("Away")
    repository.write_job("one", path="jobs/again.yaml")
    repository.commit("Back")
    index = index_of(repository)
    assert told(index, "one") == [
        (1, "created", "jobs/one.yaml"),
        (2, "deleted", "jobs/one.yaml"),
        (3, "created", "jobs/again.yaml"),
    ]
    assert [bool(version.blob) for version in index.versions("one")] == [True, False, True]
    current = index.current("one")
    assert current is not None
    assert current.change is VersionChange.CREATED


def test_a_copy_inherits_nothing_and_neither_does_a_look_alike(repository: Repository) -> None:
    repository.write("jobs/copy.yaml", job_text("one").replace("name: one", "name: copy"))
    repository.commit("A copy")
    repository.remove("jobs/two.yaml")
    repository.write("jobs/like-two.yaml", job_text("two").replace("name: two", "name: like-two"))
    repository.commit("Delete one job and add a similar one")
    index = index_of(repository)
    assert told(index, "copy") == [(1, "created", "jobs/copy.yaml")]
    assert told(index, "like-two") == [(1, "created", "jobs/like-two.yaml")]
    assert [change for _, change, _ in told(index, "two")] == ["created", "deleted"]


def test_another_name_in_the_same_file_is_another_job(repository: Repository) -> None:
    repository.write_job("other", path="jobs/one.yaml")
    repository.commit()
    index = index_of(repository)
    assert [change for _, change, _ in told(index, "one")] == ["created", "deleted"]
    assert told(index, "other") == [(1, "created", "jobs/one.yaml")]


def test_a_merge_is_one_version_and_the_commits_of_its_branch_are_none(repository: Repository) -> None:
    repository.git("switch", "--quiet", "-c", "side")
    for minute in range(3):
        repository.write_job("one", schedule=f"{minute} 7 * * *")
        repository.commit(f"Step {minute}")
    repository.git("switch", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "-m", "Merge the request", "side")
    index = index_of(repository)
    assert [version.subject for version in index.versions("one")] == ["Add two jobs", "Merge the request"]


def test_a_file_that_cannot_be_read_keeps_the_identity_of_its_path(repository: Repository) -> None:
    repository.write("jobs/one.yaml", "{{{ \xff")
    repository.commit("Broken beyond its name")
    repository.write("jobs/one.yaml", "name: one\nschedule: nonsense\n")
    repository.commit("Broken, but named")
    repository.write_job("one")
    repository.commit("Mended")
    assert [number for number, _, _ in told(index_of(repository), "one")] == [1, 2, 3, 4]


def test_a_broken_file_keeps_its_name_until_it_is_deleted_or_says_another(repository: Repository) -> None:
    repository.git("mv", "jobs/one.yaml", "jobs/z.yaml")
    repository.write("jobs/one.yaml", "garbage")
    repository.commit()
    repository.write_job("one", path="jobs/z.yaml", schedule=LATER)
    repository.commit()
    repository.write_job("uno", path="jobs/one.yaml")
    repository.commit()
    assert told(index_of(repository), "one")[1:] == [(2, "changed", "jobs/one.yaml"), (3, "moved", "jobs/z.yaml")]


def test_of_two_files_with_one_name_the_one_that_had_it_is_the_job(repository: Repository) -> None:
    repository.write_job("one", path="jobs/zzz.yaml", schedule=LATER)
    repository.commit("A second file of that name is no version")
    repository.remove("jobs/one.yaml")
    repository.commit("Now the other one is it")
    assert told(index_of(repository), "one") == [(1, "created", "jobs/one.yaml"), (2, "moved", "jobs/zzz.yaml")]


def test_a_change_of_mode_is_no_version_and_a_symbolic_link_is_no_file(repository: Repository) -> None:
    (repository.root / "jobs/one.yaml").chmod(0o755)
    repository.commit("Executable")
    assert len(index_of(repository).versions("one")) == 1
    repository.remove("jobs/one.yaml")
    (repository.root / "jobs/one.yaml").symlink_to("two.yaml")
    repository.commit("A link")
    assert told(index_of(repository), "one")[-1] == (2, "deleted", "jobs/one.yaml")


@pytest.mark.parametrize("marker", ["\x01", ":100644 100644 a b M", "name: x"])
def test_a_commit_message_cannot_forge_a_record(repository: Repository, marker: str) -> None:
    repository.write_job("one", schedule=LATER)
    repository.commit(f"{marker}\n\n{marker}{'0' * 40}\n:000000 100644 {'0' * 40} {'1' * 40} A\njobs/x.yaml\n{marker}")
    index = index_of(repository)
    assert index.jobs() == {"one", "two"}
    assert len(index.versions("one")) == 2


def test_odd_paths_and_people_are_carried(repository: Repository) -> None:
    name = "jobs/ü ä\t\"q\"\n'x'.yaml"
    repository.write_job("odd", path=name)
    repository.git("add", "--all")
    author = {
        "GIT_AUTHOR_NAME": "Zoë \x1b O'Neil",
        "GIT_AUTHOR_EMAIL": "z@example.com",
        "GIT_COMMITTER_DATE": "@0 +0000",
    }
    repository.git("commit", "--quiet", "-m", "Odd", env=author)
    version = index_of(repository).versions("odd")[0]
    assert (version.path, version.author_name) == (name, author["GIT_AUTHOR_NAME"])
    assert version.committed_at.year == 1970


def test_a_version_is_found_by_number_or_by_the_beginning_of_its_commit(repository: Repository) -> None:
    index = index_of(repository)
    commit = repository.head()
    assert index.version("one", "1").commit == commit
    assert index.version("one", commit[:4]).number == 1
    assert index.version("one", commit.upper()).number == 1
    for reference in ("2", "0", "-1", commit[:3], "zzzz", "f" * 41, "", "9" * 5_000, "²"):
        with pytest.raises(NotFoundError):
            index.version("one", reference)
    with pytest.raises(NotFoundError):
        index.version("none", "1")


def test_an_index_is_extended_by_new_commits_only(repository: Repository, git: Git) -> None:
    history = History(PresentObjects(git), "jobs")
    first = history.index(repository.head())
    assert history.index(repository.head()) is first
    for minute in range(3):
        repository.write_job("one", schedule=f"{minute} 7 * * *")
        repository.commit()
    second = history.index(repository.head())
    assert [version.number for version in second.versions("one")] == [1, 2, 3, 4]
    assert [version.number for version in first.versions("one")] == [1]
    assert second.versions("two") is first.versions("two")
    assert second == History(PresentObjects(git), "jobs").index(repository.head())


def test_a_rewritten_history_is_numbered_anew(repository: Repository, git: Git) -> None:
    history = History(PresentObjects(git), "jobs")
    repository.write_job("one", schedule=LATER)
    before = repository.commit("Will be gone")
    assert len(history.index(before).versions("one")) == 2
    repository.git("reset", "--quiet", "--hard", "HEAD~1")
    assert len(history.index(repository.head()).versions("one")) == 1
    repository.write_job("one", schedule="1 1 * * *")
    assert [version.subject for version in history.index(repository.commit("Instead")).versions("one")] == [
        "Add two jobs",
        "Instead",
    ]


def test_a_fast_forward_to_swapped_parents_is_numbered_anew(repository: Repository, git: Git) -> None:
    history = History(PresentObjects(git), "jobs")
    repository.write_job("one", schedule=LATER)
    ours = repository.commit("Ours")
    assert len(history.index(ours).versions("one")) == 2
    repository.git("switch", "--quiet", "-c", "theirs", "HEAD~1")
    repository.write_job("three")
    repository.commit("Theirs")
    repository.git("merge", "--quiet", "-m", "Foxtrot", ours)
    index = history.index(repository.head())
    assert [version.subject for version in index.versions("one")] == ["Add two jobs", "Foxtrot"]


def test_a_repository_without_a_commit_has_no_versions(tmp_path: Path) -> None:
    git = Git(discover(Repository.init(tmp_path / "new").root))
    assert History(PresentObjects(git), "jobs").index(None).jobs() == frozenset()
    git.close()


@pytest.mark.parametrize("jobs", ["jobs", "config/jobs", "."])
def test_any_folder_can_hold_the_jobs(tmp_path: Path, jobs: str) -> None:
    repository = Repository.init(tmp_path / "checkout")
    repository.write_job("one", path=f"{jobs}/one.yaml")
    repository.write_job("outside", path="jobs-elsewhere/outside.yaml")
    repository.commit()
    git = Git(discover(repository.root))
    expected = {"one", "outside"} if jobs == "." else {"one"}
    assert History(PresentObjects(git), jobs).index(repository.head()).jobs() == expected
    git.close()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("name: one\n", "one"),
        ("# a comment\nname: one # said here\nschedule: x\n", "one"),
        ("schedule: x\r\nname: one\r\n", "one"),
        ("name: 'one'\n", "one"),
        ('"name": one\n', "one"),
        ("{name: one}", "one"),
        ("---\nname: one\n", "one"),
        ("name: one", "one"),
        ("name: one\n  two\n", None),
        ("name: >\n  one\n", None),
        ("name: null\n", None),
        ("name: true\n", None),
        ("name: 12\n", None),
        ("name: One\n", None),
        ("name: one\nname: two\n", "one"),
        ("description: |\n  name: inner\n", None),
        ("webhook:\n  name: inner\n", None),
        ("", None),
        ("\xff\xfe", None),
        ("x" * 300_000, None),
    ],
)
def test_the_name_in_a_content(content: str, name: str | None) -> None:
    assert name_of(content.encode("latin-1")) == name


def test_two_thousand_commits_are_indexed_in_a_second(tmp_path: Path) -> None:
    """0.3 s on two cores; made with fast-import, so the test takes 1 s."""
    repository = Repository.init(tmp_path / "checkout")
    lines = []
    for number in range(2_000):
        text = job_text(f"job-{number % 200}", schedule=f"{number % 60} {number % 24} * * *")
        lines.append(f"commit refs/heads/main\ncommitter A <a@example.com> {1_700_000_000 + number} +0000\n")
        lines.append(f"data 1\nx\nM 100644 inline jobs/job-{number % 200}.yaml\ndata {len(text)}\n{text}\n")
    repository.git("fast-import", "--quiet", stdin="".join(lines))
    git = Git(discover(repository.root))
    began = time.monotonic()
    index = History(PresentObjects(git), "jobs").index(repository.head("refs/heads/main"))
    took = time.monotonic() - began
    git.close()
    assert len(index.jobs()) == 200
    assert sum(len(index.versions(job)) for job in index.jobs()) == 2_000
    assert took < 3.0
