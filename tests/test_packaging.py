"""The wheel: whole, and of use on its own, away from the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def ran(*arguments: str | Path, folder: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environ = dict(os.environ) | ({"PYTHONPATH": str(path)} if path else {})
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds with the hatchling of the environment: about two seconds."""
    folder = tmp_path_factory.mktemp("wheel")
    built = ran("-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, folder=folder)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    done = ran("-m", "pip", "install", "--no-deps", "--no-index", "--target", target, wheel, folder=target)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_the_wheel_holds_the_package_the_schema_and_the_examples(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "chronos_gitops").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    examples = {f"chronos_gitops/_shipped/{path.relative_to(ROOT)}" for path in (ROOT / "jobs.example").rglob("*.yaml")}
    assert package <= held
    assert examples <= held
    assert any(name.endswith(".data/data/share/man/man1/chronos-gitops.1") for name in held)
    assert examples
    assert "chronos_gitops/_shipped/schemas.json" in held
    assert not [name for name in held if name.startswith("tests/")]


def test_the_installed_wheel_is_what_runs(installed: Path, empty: Path) -> None:
    seen = ran("-c", "import chronos_gitops; print(chronos_gitops.__file__)", folder=empty, path=installed)
    assert Path(seen.stdout.strip()).is_relative_to(installed)


def test_the_installed_wheel_validates_the_examples(installed: Path, empty: Path) -> None:
    examples = installed / "chronos_gitops" / "_shipped" / "jobs.example"
    seen = ran("-m", "chronos_gitops", "validate", examples, folder=empty, path=installed)
    assert seen.returncode == 0, seen.stdout + seen.stderr


def test_the_installed_wheel_prints_its_schema(installed: Path, empty: Path) -> None:
    seen = ran("-m", "chronos_gitops", "schema", folder=empty, path=installed)
    assert seen.returncode == 0, seen.stderr
    assert '"$schema"' in seen.stdout


def test_the_script_is_declared(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    entry_points = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
    assert "chronos-gitops = chronos_gitops.cli.main:main" in archive.read(entry_points).decode()
