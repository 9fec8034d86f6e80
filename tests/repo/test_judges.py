"""What files are judged by: the same while nothing changes that has a say, another one as soon as something does."""

import os
import shutil
from pathlib import Path

import pytest

import chronos_gitops
from chronos_gitops.jobs.bindings import Bindings, SecretBinding
from chronos_gitops.jobs.origin import OriginPattern
from chronos_gitops.repo.judges import judges


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of this program whose files may change."""
    copied = tmp_path / "chronos_gitops"
    own = Path(chronos_gitops.__file__).parent
    for room in ("jobs", "timing"):
        shutil.copytree(own / room, copied / room, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(chronos_gitops, "__file__", str(copied / "__init__.py"))
    return copied


def test_they_are_the_same_from_start_to_start() -> None:
    assert judges(None) == judges(None) == judges(Bindings())
    assert judges(None) is not None


def test_bindings_have_a_say() -> None:
    folder, origin = SecretBinding(("jobs/x",), ()), SecretBinding((), (OriginPattern.parse("https://x.example.com"),))
    bound = Bindings({"a": folder})
    assert len({judges(None), judges(bound), judges(Bindings({"a": origin})), judges(Bindings({}, "refuse"))}) == 4


@pytest.mark.parametrize("file", ["jobs/rules/timing.py", "timing/cron.py", "jobs/schema.py"])
def test_a_changed_file_of_ours_has_a_say(package: Path, file: str) -> None:
    before = judges(None)
    status = (package / file).stat()
    (package / file).write_text((package / file).read_text() + "\n")
    os.utime(package / file, ns=(status.st_atime_ns, status.st_mtime_ns))
    longer = judges(None)
    os.utime(package / file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert len({before, longer, judges(None)}) == 3


def test_an_installed_package_has_a_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = judges(None)
    (tmp_path / "croniter-99.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert judges(None) != before


def test_the_version_of_this_program_has_a_say(monkeypatch: pytest.MonkeyPatch) -> None:
    before = judges(None)
    monkeypatch.setattr(chronos_gitops, "__version__", "99.0.0")
    assert judges(None) != before


def test_a_program_whose_files_cannot_be_seen_judges_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chronos_gitops, "__file__", str(tmp_path / "app.zip" / "chronos_gitops" / "__init__.py"))
    assert judges(None) is None
