"""The wheel and the sdist: whole, and of use on their own, away from the checkout."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from docs.test_documents import dead_links

import chronos_gitops

ROOT = Path(__file__).parent.parent


REPOSITORY = "https://git.example.com/team/chronos-gitops"


def ran(
    *arguments: str | Path, folder: Path, path: Path | None = None, repository: str = ""
) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"REPOSITORY_URL": repository} | ({"PYTHONPATH": str(path)} if path else {})
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def build(kind: str, source: Path, folder: Path, repository: str = "") -> Path:
    """Builds with the hatchling of the environment: about two seconds."""
    words = ("-m", "build", f"--{kind}", "--no-isolation", "--outdir", folder, source)
    built = ran(*words, folder=folder, repository=repository)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("*.whl" if kind == "wheel" else "*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked folder; built for a known repository."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build("sdist", ROOT, folder, REPOSITORY)) as archive:
        archive.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir())


def metadata(wheel: Path) -> bytes:
    archive = zipfile.ZipFile(wheel)
    return archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA")))


def links(description: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", description)


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


def test_without_a_repository_the_metadata_name_no_address_and_no_relative_link(wheel: Path) -> None:
    found = message_from_bytes(metadata(wheel))
    description = found.get_payload()
    assert found.get_all("Project-URL") is None
    assert found.get_all("Dynamic") is None
    assert links(description) == []
    assert "the job file reference" in description.lower()  # the text of a link stays


def test_with_a_repository_every_link_of_the_metadata_leads_to_a_file_of_the_tag(sdist: Path) -> None:
    found = message_from_bytes((sdist / "PKG-INFO").read_bytes())
    tag = f"v{chronos_gitops.__version__}"
    addresses = [*links(found.get_payload()), *(line.partition(", ")[2] for line in found.get_all("Project-URL", []))]
    files = [re.fullmatch(rf"{REPOSITORY}/(?:blob|raw)/{tag}/(\S+)", address) for address in addresses]
    assert [path[1] for path in files if path and not (ROOT / path[1]).exists()] == []
    others = {address for address, path in zip(addresses, files, strict=True) if path is None}
    assert others == {REPOSITORY, f"{REPOSITORY}/issues"}
    assert "![The page" in found.get_payload()


def test_a_wheel_of_the_sdist_has_the_metadata_of_the_sdist(sdist: Path, tmp_path: Path) -> None:
    assert metadata(build("wheel", sdist, tmp_path)) == (sdist / "PKG-INFO").read_bytes()


def test_an_address_that_is_none_ends_the_build(tmp_path: Path) -> None:
    words = ("-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT)
    built = ran(*words, folder=tmp_path, repository="git@example.com:team/chronos-gitops.git")
    assert built.returncode != 0
    assert "it has to be an address such as https://github.com/" in built.stdout + built.stderr


def test_every_relative_link_in_the_sdist_leads_to_a_file_in_it(sdist: Path) -> None:
    pages = [*sdist.glob("*.md"), *sdist.glob("docs/**/*.md")]
    assert len(pages) > 50
    assert {str(page.relative_to(sdist)): found for page in pages if (found := dead_links(page))} == {}
