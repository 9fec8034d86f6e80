"""The house's rules: one direction of imports, files that fit in the eye, a README whose commands exist."""

import ast
import re
import shlex
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from chronos_gitops.cli.main import main

ROOT = Path(__file__).parent.parent
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
LONGEST_FAST_PATH = 175
LARGEST_FOLDER = 13
READ_THEIR_OWN_FILES = {  # written by this program or by git, or looked at before; all others use process.small_files
    "cli/checkout/autofix_files.py",
    "cli/demo/repository.py",
    "cli/demo/runner_process.py",
    "cli/package_origin.py",  # written by pip
    "config/load.py",  # `--config` may be a pipe
    "engine/sql/store/store.py",
    "git/incomplete_clone.py",
    "git/remote/former_tips.py",
    "git/symlinks.py",
    "jobs/schemas/schemas.py",
    "observability/event_log.py",
    "server/web/layout.py",  # static files of this program
    "state/atomic_files.py",
    "sync/persistence/history_epochs.py",
}
START_THREADS = {  # a thread that lasts is a BackgroundThread; the others end with their one piece of work
    "cli/demo/receiver.py",
    "process/background_thread.py",
    "server/api/budgets.py",
    "webhooks/transport/dns.py",
}
FLAT_LISTS = {  # one equal thing per file: see ARCHITECTURE.md
    "bench",
    "chronos_gitops/cli/local",
    "chronos_gitops/cli/remote",
    "chronos_gitops/server/api/routes",
    "chronos_gitops/jobs/validation/rules",
    "tests/cli/local",
    "tests/engine/contract",
}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def test_every_room_imports_only_rooms_below_it(tmp_path: Path) -> None:
    """Parses the whole package: one to two seconds."""
    linter = Path(sys.executable).with_name("lint-imports")
    seen = subprocess.run(
        [linter, "--config", ROOT / "pyproject.toml", "--no-cache"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert seen.returncode == 0, seen.stdout + seen.stderr


def test_no_two_modules_import_each_other() -> None:
    """Neither at the top of a file, nor inside of functions, nor for types alone."""
    files = {module_name(path): path for path in (ROOT / "chronos_gitops").rglob("*.py")}
    graph = {name: {one for one in imported(path) if one in files} for name, path in files.items()}
    assert sum(map(len, graph.values())) > 2000
    TopologicalSorter(graph).prepare()  # names the modules of a circle


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> Iterator[str]:
    """Each module that the file imports; ``a`` for ``from a import b`` where ``b`` is no module."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = ROOT.joinpath(*(node.module or "").split("."))
            for one in node.names:
                is_module = (folder / one.name).is_dir() or (folder / f"{one.name}.py").is_file()
                yield f"{node.module}.{one.name}" if is_module else node.module or ""


@pytest.mark.parametrize(
    "path", sorted((ROOT / "chronos_gitops").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_file_that_grows_past_four_hundred_lines_is_telling_a_noun(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("room", ["yaml", "schema"])
def test_a_fast_path_stays_small_or_is_removed(room: str) -> None:
    """100,000 random documents a day hold it to the slow path (tests/jobs/validation/*/test_fast_path.py)."""
    path = ROOT / "chronos_gitops/jobs/validation" / room / "fast_path.py"
    assert len(path.read_text().splitlines()) <= LONGEST_FAST_PATH


def test_no_function_is_longer_than_sixty_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in (ROOT / "chronos_gitops").rglob("*.py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.end_lineno and node.end_lineno - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == [], "name the parts: each is a function of its own"


def callers_of(*names: str) -> set[str]:
    """The modules that call a method or function of one of these names."""
    package = ROOT / "chronos_gitops"
    return {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in names
    }


def test_files_of_others_are_read_by_one_reader() -> None:
    assert callers_of("read_bytes", "read_text") <= READ_THEIR_OWN_FILES


def test_threads_are_started_by_one_class() -> None:
    assert callers_of("Thread") <= START_THREADS


def test_only_the_room_of_git_starts_programs() -> None:
    starters = callers_of("Popen", "create_subprocess_exec") - {"cli/demo/runner_process.py"}
    assert {path.partition("/")[0] for path in starters} == {"git"}


def test_a_class_name_has_one_meaning() -> None:
    """A leading underscore makes no other name: grep answers with the one class that is meant."""
    places = defaultdict(list)
    for path in (ROOT / "chronos_gitops").rglob("*.py"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                places[node.name.lstrip("_")].append(str(path.relative_to(ROOT)))
    assert len(places) > 900
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_dataclasses_are_made_by_one_decorator() -> None:
    """0.02 ms at an import, of which a start has hundreds; the standard one takes 0.5."""
    others = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "chronos_gitops").rglob("*.py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.module == "dataclasses"
        if path.name != "lazy_dataclass.py" and "dataclass" in {one.name for one in node.names}
    ]
    assert others == [], "write `from chronos_gitops.process.lazy_dataclass import dataclass`"


def modules(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.py") if path.name not in {"__init__.py", "conftest.py"}]


def test_a_folder_holds_about_a_dozen_modules_or_is_a_list_of_equal_ones() -> None:
    folders = [
        folder
        for room in ("chronos_gitops", "tests", "bench")
        for folder in ((ROOT / room), *(path for path in (ROOT / room).rglob("*") if path.is_dir()))
    ]
    full = {str(folder.relative_to(ROOT)) for folder in folders if len(modules(folder)) > LARGEST_FOLDER}
    assert full <= FLAT_LISTS, "split it by its noun, or name the list of equal things in ARCHITECTURE.md"
    assert {str(folder.relative_to(ROOT)) for folder in folders} >= FLAT_LISTS


def test_the_first_screen_of_the_readme_shows_a_job_and_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    first_screen = "\n".join(readme.splitlines()[:60])
    assert "schedule:" in first_screen
    assert "make demo" in first_screen
    assert "make test" in first_screen
    assert len(readme.splitlines()) < 120


def readme_commands() -> list[list[str]]:
    text = (ROOT / "README.md").read_text()
    lines = [
        line.strip()
        for block in re.findall(r"```(?:console|sh|shell)\n(.*?)```", text, re.S)
        for line in block.splitlines()
    ]
    commands = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines if line.startswith("$ ")]
    return [words for words in commands if words]


@pytest.mark.parametrize("words", readme_commands(), ids=" ".join)
def test_every_command_of_the_readme_exists(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    program, *arguments = words
    if program == "make":
        makefile = (ROOT / "Makefile").read_text()
        assert re.search(rf"^{re.escape(arguments[0])}:", makefile, re.M)
    elif program == "chronos-gitops":
        options = [word for word in arguments if word.startswith("--")]
        assert main([arguments[0], "--help"]) == 0
        shown = capsys.readouterr().out
        assert all(option.partition("=")[0] in shown for option in options)
    else:
        assert program in {"curl", "docker", "git", "pip"}, f"{program} is not shown to anybody by this test"
