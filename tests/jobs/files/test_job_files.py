"""``.chronosignore`` reads patterns as git reads ``.gitignore``: git itself is the oracle."""

import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.jobs.files.job_files import FilteredFiles, IgnoreRules
from chronos_gitops.jobs.validation.validate import TreeEntry

PATHS = (
    *("a.yaml", "b.yaml", "ab.yaml", "a", "deep/a.yaml", "deep/down/a.yaml", "deep/down/b.yml", "drafts/a.yaml"),
    *("x/drafts/a.yaml", "#a.yaml", "!a.yaml", "a b.yaml", "a .yaml", "[a].yaml", "a]b.yaml", "a-b.yaml"),
    *("deep/drafts/keep.yaml", "keep.yaml", "x/y/z/keep.yaml", "a\\b.yaml", "a*b.yaml"),
)
LISTS = (
    "[[/]*",
    "[a/b]c",
    "\\[/]a",
    "*.yaml\n!keep.yaml",
    "drafts/",
    "/drafts",
    "drafts/\n!deep/drafts/keep.yaml",
    "deep/*",
    "deep/**",
    "deep/**/a.yaml",
    "**/a.yaml",
    "**/drafts/**",
    "/*\n!/deep",
    "# a comment\n\n   \n",
    "\\#a.yaml\n\\!a.yaml",
    "a?.yaml",
    "a[!b].yaml\n[^a].yaml",
    "[a-c].yaml",
    "[]a].yaml\na[]]b.yaml",
    "[[]a].yaml",
    "a[-]b.yaml\na[+--]b.yaml",
    "a[.yaml",
    "a[z-a]b.yaml",
    "a\\ b.yaml  ",
    "a b.yaml   ",
    "a\\",
    "a\\\\b.yaml",
    "a\\*b.yaml",
    "**",
    "a**b.yaml",
    "x/**/keep.yaml",
    "x/**/**/keep.yaml",
    "deep/a.yaml/",
    "/",
    "!",
    "\ufeffa.yaml",
    "a.yaml\r\nb.yaml\r\n",
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, _guarded_environment: None) -> Path:
    folder = tmp_path_factory.mktemp("ignore")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def ignored_by_git(repository: Path, text: str) -> set[str]:
    (repository / ".gitignore").write_text(text, newline="")
    stdin = "".join(f"{path}\0" for path in PATHS).encode()
    command = ["git", "check-ignore", "--no-index", "--stdin", "-z"]
    done = subprocess.run(command, cwd=repository, input=stdin, capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return set(filter(None, done.stdout.decode().split("\0")))


@pytest.mark.parametrize("text", LISTS)
def test_a_list_means_what_it_means_to_git(text: str, repository: Path) -> None:
    ignore = IgnoreRules.parse(text.encode())
    assert {path for path in PATHS if ignore.ignores(path)} == ignored_by_git(repository, text)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text("ab*?/!#\\[]-. dek", max_size=12), max_size=4))
def test_any_list_means_what_it_means_to_git(repository: Path, lines: list[str]) -> None:
    """A process of git each: about a second together."""
    text = "\n".join(lines)
    ignore = IgnoreRules.parse(text.encode())
    assert {path for path in PATHS if ignore.ignores(path)} == ignored_by_git(repository, text)


def test_a_hostile_pattern_takes_no_time() -> None:
    ignore = IgnoreRules.parse(("*a" * 400 + "b\n" + "**/" * 300 + "x").encode())
    start = time.process_time()
    assert not ignore.ignores("a" * 250 + "/" + "a" * 250)
    assert time.process_time() - start < 1


class Tree:
    entries = (TreeEntry("jobs/a.yaml", "", 0), TreeEntry("jobs/drafts/b.yaml", "", 0))

    def read(self, entries: tuple[TreeEntry, ...]) -> dict[str, bytes]:
        return {entry.path: b"x" for entry in entries}


def test_patterns_start_at_the_jobs_folder() -> None:
    files = FilteredFiles(Tree(), IgnoreRules.parse(b"/drafts/\n/jobs"), "jobs")  # type: ignore[arg-type]
    assert [entry.path for entry in files.entries] == ["jobs/a.yaml"]
    assert files.read(files.entries) == {"jobs/a.yaml": b"x"}
