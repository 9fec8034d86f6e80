"""``make dist``: what a release consists of, the same bytes each time, and of use away from the checkout."""

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import chronos_gitops

ROOT = Path(__file__).parent.parent
VERSION = chronos_gitops.__version__
PACKAGES = (f"chronos_gitops-{VERSION}-py3-none-any.whl", f"chronos_gitops-{VERSION}.tar.gz")
NAMES = {*PACKAGES, "chronos-gitops.pyz", "chronos-gitops.cdx.json", "SHA256SUMS"}


def made(folder: Path) -> Path:
    done = subprocess.run(
        ["make", "dist", f"OUT={folder}"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("dist"))


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def ran(dist: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "SHIV_ROOT": str(folder.parent / "shiv")}
    return subprocess.run(
        [dist / "chronos-gitops.pyz", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.mark.timeout(600)
def test_the_same_commit_gives_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    again = made(tmp_path / "again")
    assert {path.name: path.read_bytes() == (dist / path.name).read_bytes() for path in again.iterdir()} == (
        dict.fromkeys(NAMES, True)
    )


@pytest.mark.timeout(400)
def test_the_checksums_are_those_of_the_files(dist: Path) -> None:
    sums = dict(reversed(line.split(maxsplit=1)) for line in (dist / "SHA256SUMS").read_text().splitlines())
    assert sums == {name: hashlib.sha256((dist / name).read_bytes()).hexdigest() for name in NAMES - {"SHA256SUMS"}}


def test_the_single_file_runs_from_an_empty_folder(dist: Path, empty: Path) -> None:
    assert ran(dist, "--version", folder=empty).stdout == f"chronos-gitops {VERSION}\n"
    assert ran(dist, "init", folder=empty).returncode == 0
    checked = ran(dist, "validate", "jobs", folder=empty)
    assert (checked.returncode, checked.stdout) == (0, "Checked 1 file: no problems.\n")


def test_the_single_file_holds_what_the_lock_names_and_nothing_of_this_machine(dist: Path) -> None:
    with zipfile.ZipFile(dist / "chronos-gitops.pyz") as archive:
        names = archive.namelist()
        assert not [name for name in names if name.endswith((".pyc", "direct_url.json"))]
        texts = [archive.read(name) for name in names if name.endswith((".py", ".json", ".txt", "METADATA"))]
    assert str(ROOT).encode() not in b"".join(texts)
    assert any(name.startswith("site-packages/aiohttp/") for name in names)
    assert not [name for name in names if name.startswith("site-packages/pytest")]


def test_the_bill_of_materials_names_every_dependency_with_its_hashes(dist: Path) -> None:
    lock = (ROOT / "requirements/runtime.lock").read_text()
    locked = {line.split("==")[0].split("[")[0] for line in lock.splitlines() if line[:1].isalnum()}
    bill = json.loads((dist / "chronos-gitops.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert {one["name"] for one in bill["components"]} == locked
    assert all(one["purl"].startswith("pkg:pypi/") for one in bill["components"])
    assert bill["metadata"]["component"]["name"] == "chronos-gitops"


_JUDGE = """\
import json, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
text = sys.stdin.read()
version = SchemaVersion.from_version(json.loads(text)["specVersion"])
found = JsonStrictValidator(version).validate_str(text)
sys.exit(found and str(found)[:500])
"""


@pytest.mark.parametrize(("bad", "code"), [({}, 0), ({"bomFormat": "SPDX"}, 1)])
def test_the_bill_of_materials_is_valid_by_the_schema_of_its_version(
    bad: dict[str, str], code: int, dist: Path
) -> None:
    """The published schema, as cyclonedx-python-lib has it; a wrong one shows that it is looked at."""
    bill = json.loads((dist / "chronos-gitops.cdx.json").read_text()) | bad
    program = [Path(sys.prefix) / "dist/bin/python", "-c", _JUDGE]
    done = subprocess.run(program, input=json.dumps(bill), capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, bool(done.stderr)) == (code, bool(code)), done.stderr
