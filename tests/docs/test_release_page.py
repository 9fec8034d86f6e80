"""docs/how-to/release.md: the texts that name a version name this one, so that a release finds each of them."""

import re
from pathlib import Path

from chronos_gitops import __version__

ROOT = Path(__file__).parents[2]
FILES = [
    *(ROOT / name for name in ("action.yml", "templates/chronos-gitops.yml", "deploy/helm/chronos-gitops/Chart.yaml")),
    *(ROOT / "docs/how-to").glob("*.md"),
]
_BEFORE = (
    *("chronos-gitops==", "chronos-gitops@v?", "newTag: ", r"image\.tag=", r"^version: ", r"^appVersion: "),
    *("chronos_gitops-", "(?:sign|origin) v", "Release "),
)
_VERSION = re.compile(rf"(?:{'|'.join(_BEFORE)})(\d+\.\d+\.\d+)", re.MULTILINE)


def test_every_text_that_names_a_version_names_this_one() -> None:
    found = [(path.name, version) for path in FILES for version in _VERSION.findall(path.read_text())]
    assert len(found) >= 13
    assert [one for one in found if one[1] != __version__] == []


def test_the_changelog_has_a_section_for_this_version() -> None:
    newest = re.findall(r"^## \[(\S+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    assert newest == __version__
