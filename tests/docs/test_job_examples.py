"""Job files that people copy from README and the guides: each is valid, and runs on its schedule."""

import re
import textwrap
from pathlib import Path

import pytest
from docs.printed.page_commands import save_files

from chronos_gitops.cli.main import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs/how-to").glob("*.md"))]
_BLOCK = re.compile(r"^ *```yaml\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"^name: (\S+)$", re.MULTILINE)
LAYERED = "use-environments"
"""The page whose jobs inherit fields; see docs/printed/test_environments_page.py."""


def job_files(page: Path) -> dict[str, str]:
    """By name, the blocks of a page that are whole job files."""
    blocks = map(textwrap.dedent, _BLOCK.findall(page.read_text("utf-8")))
    whole = [text for text in blocks if all(f"\n{field}:" in f"\n{text}" for field in ("name", "schedule", "webhook"))]
    return {name[1]: text for text in whole if (name := _NAME.search(text))}


EXAMPLES = {page.stem: found for page in PAGES if page.stem != LAYERED and (found := job_files(page))}


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 6
    assert "README" in EXAMPLES


@pytest.mark.parametrize("page", EXAMPLES)
def test_each_job_file_is_valid_and_enabled(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Jobs are disabled by default, so that one without the field would never run."""
    (tmp_path / "jobs").mkdir()
    if page != "README":
        save_files(page, tmp_path)
    named = {path.read_text("utf-8") for path in tmp_path.rglob("*.yaml")}
    for name, text in EXAMPLES[page].items():
        assert "\nenabled: true\n" in text, name
        if not any(f"name: {name}\n" in one for one in named):
            (tmp_path / f"jobs/{name}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    main(["validate", "--format", "concise", "--as-of", "2026-12-01"])
    assert [line for line in capsys.readouterr().out.splitlines() if ": error[" in line] == []
