"""The fingerprint changes with everything that validation depends on, and with nothing else."""

import os
import shutil
from pathlib import Path

import pytest

import chronos_gitops
from chronos_gitops.jobs.origins.origin import OriginPattern
from chronos_gitops.jobs.secrets.audiences import AudienceBinding, Audiences
from chronos_gitops.jobs.secrets.bindings import Bindings, SecretBinding
from chronos_gitops.sync.persistence.validator_fingerprint import validator_fingerprint


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of this program whose files may change."""
    copied = tmp_path / "chronos_gitops"
    own = Path(chronos_gitops.__file__).parent
    for room in ("jobs", "schedule"):
        shutil.copytree(own / room, copied / room, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(chronos_gitops, "__file__", str(copied / "__init__.py"))
    return copied


def test_they_are_the_same_from_start_to_start() -> None:
    assert validator_fingerprint(None) == validator_fingerprint(None) == validator_fingerprint(Bindings())
    assert validator_fingerprint(None) is not None


def test_bindings_have_a_say() -> None:
    folder, origin = SecretBinding(("jobs/x",), ()), SecretBinding((), (OriginPattern.parse("https://x.example.com"),))
    bound = Bindings({"a": folder})
    assert (
        len(
            {
                validator_fingerprint(None),
                validator_fingerprint(bound),
                validator_fingerprint(Bindings({"a": origin})),
                validator_fingerprint(Bindings({}, "refuse")),
                validator_fingerprint(Bindings(audiences=Audiences({"a": AudienceBinding(("jobs",), ())}))),
            }
        )
        == 5
    )


@pytest.mark.parametrize(
    "file",
    ["jobs/validation/rules/times/timing.py", "schedule/cron/parser.py", "jobs/validation/schema/json_schema.py"],
)
def test_a_changed_file_of_ours_has_a_say(package: Path, file: str) -> None:
    before = validator_fingerprint(None)
    status = (package / file).stat()
    (package / file).write_text((package / file).read_text() + "\n")
    os.utime(package / file, ns=(status.st_atime_ns, status.st_mtime_ns))
    longer = validator_fingerprint(None)
    os.utime(package / file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert len({before, longer, validator_fingerprint(None)}) == 3


def test_an_installed_package_has_a_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = validator_fingerprint(None)
    (tmp_path / "croniter-99.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert validator_fingerprint(None) != before


def test_the_version_of_this_program_has_a_say(monkeypatch: pytest.MonkeyPatch) -> None:
    before = validator_fingerprint(None)
    monkeypatch.setattr(chronos_gitops, "__version__", "99.0.0")
    assert validator_fingerprint(None) != before


def test_a_program_whose_files_cannot_be_seen_judges_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chronos_gitops, "__file__", str(tmp_path / "app.zip" / "chronos_gitops" / "__init__.py"))
    assert validator_fingerprint(None) is None
