"""Of several files with one name the incumbent has it: for what runs, for versions and for every command alike."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository, job_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chronos_gitops.cli.main import main
from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import discover
from chronos_gitops.git.tree import CommitFiles, Scanner
from chronos_gitops.jobs.validation.validate import validate_tree
from chronos_gitops.versions.history import History

X, Y = "jobs/billing/charge.yaml", "jobs/aaa/y.yaml"
MESSAGE = 'the name "charge" belongs to jobs/billing/charge.yaml:1'


@pytest.fixture
def charged(tmp_path: Path) -> Repository:
    repository = Repository.init(tmp_path / "checkout")
    repository.write_job("charge", path=X)
    repository.write_job("other")
    repository.commit("x holds the name")
    return repository


@pytest.mark.parametrize("mode", ["worktree", "branch"])
def test_the_incumbent_keeps_the_name_until_it_leaves_it(charged: Repository, follow: Follow, mode: str) -> None:
    """The worked example: x holds the name; add y in an earlier path; edit x; delete x. Owner: x, x, x, y."""
    following = follow(charged.root, mode=mode)
    owners = []

    def look() -> None:
        status = following.follower.sync()
        definition = following.follower.jobs().definitions["charge"]
        newest = following.follower.index().versions("charge")[-1]
        assert (definition.path, definition.commit) == (newest.path, newest.commit)
        assert not definition.quarantined
        owners.append(definition.path)
        duplicates = [problem for problem in status.problems if problem.rule == "duplicate-name"]
        assert [(one.file, one.message, one.hint) for one in duplicates] == (
            [(Y, MESSAGE, "choose another name")] if len(owners) in (2, 3) else []
        )
        assert status.quarantined == ((Y,) if duplicates else ())

    look()
    charged.write_job("charge", path=Y, schedule="9 9 * * *")
    charged.commit("Add y")
    look()
    charged.write_job("charge", path=X, schedule="1 1 * * *")
    charged.commit("Edit x")
    look()
    charged.remove(X)
    charged.commit("Delete x")
    look()
    assert owners == [X, X, X, Y]
    versions = following.follower.index().versions("charge")
    assert [(version.change.value, version.path) for version in versions] == [
        ("created", X),
        ("changed", X),
        ("moved", Y),
    ]


@pytest.mark.parametrize("content", ["{{{", 'name: charge\nschedule: "oops"\n', "name: Not A Name\n"])
def test_a_broken_incumbent_keeps_the_name_and_its_last_good_version(
    charged: Repository, follow: Follow, tmp_path: Path, content: str
) -> None:
    charged.write(X, content)
    charged.write_job("charge", path=Y, schedule="9 9 * * *")
    charged.commit("Break x and add y")
    for data in ("fresh", "running"):
        following = follow(charged.root, mode="branch", data=tmp_path / data)
        definition = following.follower.jobs().definitions["charge"]
        assert (definition.path, definition.job.timing.definition) == (X, "0 2 * * *")
        assert {problem.file for problem in definition.quarantined} == {X}
        assert Y in following.follower.status().quarantined


def test_a_file_with_the_content_of_the_incumbent_comes_before_path_order(charged: Repository, follow: Follow) -> None:
    charged.write_job("charge", path=Y, schedule="9 9 * * *")
    charged.commit("Add y")
    charged.git("mv", X, "jobs/zzz.yaml")
    charged.commit("Move x")
    following = follow(charged.root, mode="branch")
    assert following.follower.jobs().definitions["charge"].path == "jobs/zzz.yaml"
    assert following.follower.index().versions("charge")[-1].path == "jobs/zzz.yaml"


def test_a_file_that_takes_a_name_of_another_keeps_the_job_it_had(charged: Repository, follow: Follow) -> None:
    """The quarantine rule: the job at its path stays as it was, the job that it names is not concerned."""
    following = follow(charged.root, mode="branch")
    charged.write_job("charge", path="jobs/other.yaml")
    charged.commit("A copy that kept its name")
    following.follower.sync()
    definitions = following.follower.jobs().definitions
    assert [problem.rule for problem in definitions["other"].quarantined] == ["duplicate-name"]
    assert definitions["charge"].path == X
    assert following.follower.status().quarantined == ("jobs/other.yaml",)


@pytest.mark.parametrize("is_committed", [True, False])
def test_the_commands_name_the_owner(
    charged: Repository,
    is_committed: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    charged.write_job("charge", path=Y, schedule="9 9 * * *")
    if is_committed:
        charged.commit("Add y")
    monkeypatch.chdir(charged.root / "jobs")
    assert main(["validate", "--format", "concise"]) == 1
    assert 'aaa/y.yaml:1:7: error[duplicate-name]: the name "charge" belongs to billing/charge.yaml:1' in (
        capsys.readouterr().out
    )
    assert main(["next", "charge", "--after", "2026-01-01", "--count", "1", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"] == ["2026-01-01T02:00:00Z"]
    assert main(["plan", *(["HEAD~1", "HEAD"] if is_committed else []), "--format", "json", "--exit-code"]) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["changes"] == []
    assert MESSAGE in shown.err


def test_a_file_whose_owner_cannot_be_read_is_refused_on_disk_too(
    charged: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    charged.write(X, "{{{")
    charged.write_job("charge", path=Y)
    monkeypatch.chdir(charged.root)
    assert main(["validate", "--format", "concise"]) == 1
    assert f"{Y}:1:7: error[duplicate-name]: {MESSAGE}" in capsys.readouterr().out


@pytest.mark.parametrize("folder", ["", "jobs", "jobs/aaa", "jobs/billing"])
@pytest.mark.parametrize("is_in_git", [True, False], ids=["git", "no git"])
def test_two_new_files_are_told_apart_by_their_paths_from_the_root(
    tmp_path: Path, folder: str, is_in_git: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From inside a folder "../billing/charge.yaml" comes before "y.yaml"; the runner takes jobs/aaa/y.yaml."""
    root = tmp_path / "checkout"
    repository = Repository.init(root) if is_in_git else Repository(root)
    repository.write_job("charge", path=X, schedule="1 1 * * *")
    repository.write_job("charge", path=Y, schedule="9 9 * * *")
    (root / folder).mkdir(exist_ok=True)
    monkeypatch.chdir(root / folder)
    shown = [os.path.relpath(root / path, root / folder) for path in (X, Y)]
    assert main(["validate", *shown, "--format", "concise"]) == 1
    expected = f'{shown[0]}:1:7: error[duplicate-name]: the name "charge" belongs to {shown[1]}:1'
    assert expected in capsys.readouterr().out
    assert main(["next", "charge", "--after", "2026-01-01", "--count", "1", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"] == ["2026-01-01T09:09:00Z"]


def test_outside_git_path_order_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Repository(tmp_path / "plain")
    folder.write_job("charge", path=X)
    folder.write_job("charge", path=Y)
    monkeypatch.chdir(folder.root)
    assert main(["validate", "--format", "concise"]) == 1
    assert f'{X}:1:7: error[duplicate-name]: the name "charge" belongs to {Y}:1' in capsys.readouterr().out


def test_a_rollback_of_the_incumbent_is_no_duplicate(charged: Repository) -> None:
    charged.write_job("charge", path=X, schedule="1 1 * * *")
    charged.write_job("charge", path=Y, schedule="9 9 * * *")
    charged.commit("Edit x and add y")
    assert main(["rollback", "charge", "1", "--repo", str(charged.root)]) == 0
    assert charged.git("show", f"HEAD:{X}") == job_text("charge").rstrip("\n")


PATHS = ("jobs/a.yaml", "jobs/b.yaml", "jobs/c/c.yaml", "jobs/d.yml")
TEXTS = ("", "{{{", *(job_text(name, schedule=f"{minute} 2 * * *") for name in ("one", "two") for minute in (1, 2)))
EDITS = st.lists(
    st.dictionaries(st.sampled_from(PATHS), st.sampled_from(TEXTS), min_size=1, max_size=3), min_size=1, max_size=8
)


def name_in(text: str) -> str | None:
    return text.partition("\n")[0].removeprefix("name: ") if text.startswith("name: ") else None


def expected_owner(before: str | None, old: dict[str, str], new: dict[str, str], name: str) -> str | None:
    """TEAMS section 2 once more, on texts."""
    if before is not None and before in new and name_in(new[before]) in (name, None):
        return before
    claims = sorted(path for path, text in new.items() if name_in(text) == name)
    same = [path for path in claims if before is not None and new[path] == old[before]]
    return next(iter(same or claims), None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True)
@given(edits=EDITS, together=st.lists(st.booleans(), min_size=8, max_size=8))
def test_every_runner_finds_the_owner_that_the_rule_names(
    tmp_path_factory: pytest.TempPathFactory, edits: list[dict[str, str]], together: list[bool]
) -> None:
    """Random trees and edits: in one index, in one that is extended commit by commit, at each commit and on disk."""
    repository = Repository.init(tmp_path_factory.mktemp("owners") / "checkout")
    repository.write("jobs/.keep", "")
    repository.commit("Nothing")
    tree: dict[str, str] = {}
    owners: dict[str, str | None] = {"one": None, "two": None}
    git = Git(discover(repository.root))
    growing = History(git, "jobs")
    for edit, is_asked in zip(edits, together, strict=False):
        before = dict(tree)
        tree = {path: text for path, text in (tree | edit).items() if text}
        for path, text in edit.items():
            if text:
                repository.write(path, text)
            elif (repository.root / path).exists():
                repository.remove(path)
        on_disk_index = History(git, "jobs").index(repository.head())
        on_disk = validate_tree(Scanner(repository.root, "jobs").scan({}), incumbents=on_disk_index)
        commit = repository.commit("Edit")
        owners = {name: expected_owner(owner, before, tree, name) for name, owner in owners.items()}
        index = History(git, "jobs").index(commit)
        if is_asked:
            assert growing.index(commit) == index
        at_commit = validate_tree(CommitFiles(git, commit, "jobs"), incumbents=index)
        for name, owner in owners.items():
            found = index.incumbent(name)
            assert (None if found is None else found.path) == owner, (name, tree)
            others = {path for path, text in tree.items() if name_in(text) == name and path != owner}
            for loaded in (at_commit, on_disk):
                assert others <= loaded.duplicates
                assert owner not in loaded.duplicates
                runs = loaded.jobs.get(name)
                assert (None if runs is None else runs.path) in (owner, None)
    git.close()


def test_the_index_on_disk_keeps_the_owner(charged: Repository, follow: Follow, data_folder: Path) -> None:
    charged.write_job("charge", path=Y)
    charged.commit("Add y")
    first = follow(charged.root, mode="branch")
    first.follower.stop()
    charged.write_job("charge", path=X, schedule="1 1 * * *")
    charged.commit("Edit x")
    subprocess.run(["test", "-s", str(data_folder / "history.json")], check=True)
    assert follow(charged.root, mode="branch").follower.jobs().definitions["charge"].path == X


def test_layer_that_says_a_name_takes_it_from_no_job(charged: Repository, follow: Follow) -> None:
    """The layer is refused for it; the job that is deleted beside it is deleted, in versions as in what runs."""
    following = follow(charged.root)
    charged.write("jobs/_defaults.yaml", job_text("charge"))
    charged.remove(X)
    charged.commit("A layer with the name of a job that goes")
    following.follower.sync()
    assert [version.change for version in following.follower.index().versions("charge")] == ["created", "deleted"]
    assert "charge" not in following.names
