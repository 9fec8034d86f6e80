"""Files that commands create are whole or not there, and what stands in their way is named."""

import subprocess
import sys
from pathlib import Path

import pytest

from chronos_gitops.cli.main import main

_LIMITED = """\
import resource, sys
from chronos_gitops.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(sys.argv[2:]))
"""
CRONTAB = "".join(f"@daily curl https://a.example.com/x/{number} -d '{'y' * 100 * number}'\n" for number in range(1, 6))


def limited(size: int, *words: str, folder: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """A file of more than ``size`` bytes cannot be written, as on a full disk."""
    command = [sys.executable, "-c", _LIMITED, str(size), *words]
    return subprocess.run(command, cwd=folder, input=stdin, capture_output=True, text=True, check=False, timeout=60)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("size", [0, 100, 1_000])
def test_init_leaves_no_part_of_a_file(size: int, tmp_path: Path) -> None:
    failed = limited(size, "init", folder=tmp_path)
    assert failed.returncode == 2
    assert "cannot be written: File too large\nhint: name a folder that can be written" in failed.stderr
    whole = {path.relative_to(tmp_path): path.read_bytes() for path in files(tmp_path)}
    assert all(0 < len(content) <= size for content in whole.values())
    assert limited(10_000_000, "init", folder=tmp_path).returncode == 0
    assert {path: (tmp_path / path).read_bytes() for path in whole} == whole


@pytest.mark.parametrize("size", [0, 250, 500])
def test_import_writes_all_files_or_none(size: int, tmp_path: Path) -> None:
    failed = limited(size, "import", "crontab", "-", "--output", "jobs", folder=tmp_path, stdin=CRONTAB)
    assert failed.returncode == 2
    assert "cannot be written: File too large" in failed.stderr
    assert files(tmp_path) == []
    assert limited(10_000, "import", "crontab", "-", "--output", "jobs", folder=tmp_path, stdin=CRONTAB).returncode == 0
    assert len(files(tmp_path)) == 5


@pytest.mark.parametrize("name", ["jobs", "schemas", ".github"])
@pytest.mark.parametrize("kind", ["file", "dangling"])
def test_init_names_what_stands_in_the_way(
    name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    if kind == "file":
        Path(name).write_text("x")
    else:
        Path(name).symlink_to("nowhere")
    assert main(["init"]) == 2
    said = capsys.readouterr().err
    is_link = name == "jobs" and kind == "dangling"
    assert (f"{name} is a symbolic link, and links are not followed" if is_link else f"{name} is not a folder") in said
    assert "hint: " in said


def test_init_refuses_a_jobs_folder_behind_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The runner would not follow it."""
    monkeypatch.chdir(tmp_path)
    Path("real").mkdir()
    Path("jobs").symlink_to("real")
    assert main(["init"]) == 2
    assert "hint: name the folder behind the link" in capsys.readouterr().err
    assert files(tmp_path) == []


def test_validate_says_that_the_jobs_folder_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["validate"]) == 3
    assert 'the jobs folder "jobs", which does not exist' in capsys.readouterr().err
    Path("jobs").write_text("x")
    assert main(["validate"]) == 3
    assert 'the jobs folder "jobs", which is not a folder' in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--count-only"]])
def test_next_says_that_files_with_errors_are_left_out(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("jobs").mkdir()
    Path("jobs/a.yaml").write_text("name: [")
    assert main(["next", *options]) == 0
    assert "note: 1 file with errors left out: chronos-gitops validate" in capsys.readouterr().err
