"""CI files install this program from where it was installed here, and a note names a place that CI does not have."""

import json
from pathlib import Path

import pytest

from chronos_gitops import __version__
from chronos_gitops.cli.main import main
from chronos_gitops.cli.package_origin import PackageOrigin, package_origin

FROM_INDEX = f"chronos-gitops=={__version__}"
COMMIT = "1a2b3c4d" * 5
GIT = {
    "url": "https://git.example.com/team/chronos-gitops.git",
    "vcs_info": {"vcs": "git", "requested_revision": "v0.2.0", "commit_id": COMMIT},
}
WHEEL = "https://files.example.com/chronos_gitops-0.2.0-py3-none-any.whl"
FROM_GIT = f"chronos-gitops @ git+{GIT['url']}@{COMMIT}"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record of an installation, found before that of this environment."""
    record = tmp_path / "site" / f"chronos_gitops-{__version__}.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text(f"Metadata-Version: 2.4\nName: chronos-gitops\nVersion: {__version__}\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return record / "direct_url.json"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (GIT, PackageOrigin(FROM_GIT)),
        (GIT | {"subdirectory": "apps/chronos"}, PackageOrigin(f"{FROM_GIT}#subdirectory=apps/chronos")),
        ({"url": WHEEL, "archive_info": {}}, PackageOrigin(f"chronos-gitops @ {WHEEL}")),
        (
            {"url": WHEEL, "archive_info": {"hashes": {"sha256": "ab" * 32}}},
            PackageOrigin(f"chronos-gitops @ {WHEEL}#sha256={'ab' * 32}"),
        ),
        ({"url": "file:///srv/my%20code", "dir_info": {"editable": True}}, PackageOrigin(FROM_INDEX, "/srv/my code")),
        (GIT | {"url": "file:///srv/chronos.git"}, PackageOrigin(FROM_INDEX, "/srv/chronos.git")),
        (None, PackageOrigin(FROM_INDEX)),
    ],
)
def test_requirement_is_the_place_of_the_installation(
    record: dict[str, object] | None, expected: PackageOrigin, installed: Path
) -> None:
    if record is not None:
        installed.write_text(json.dumps(record))
    assert package_origin() == expected


def test_init_writes_the_git_address(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    installed.write_text(json.dumps(GIT))
    assert main(["init"]) == 0
    assert capsys.readouterr().err == ""
    for name in (".pre-commit-config.yaml", ".github/workflows/chronos.yml", ".gitlab/chronos.gitlab-ci.yml"):
        assert FROM_GIT in Path(name).read_text()


def test_init_says_that_other_machines_do_not_have_the_folder(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    installed.write_text(json.dumps({"url": "file:///srv/chronos", "dir_info": {}}))
    assert main(["init"]) == 0
    note = capsys.readouterr().err
    assert f"install {FROM_INDEX} from a package index, but this program comes from /srv/chronos" in note
    assert main(["init"]) == 0
    assert capsys.readouterr().err == ""  # these files were there already
    assert main(["init", "fresh", "--install", "chronos-gitops==9"]) == 0
    assert capsys.readouterr().err == ""
