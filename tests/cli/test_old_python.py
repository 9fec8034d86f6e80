"""A Python that is too old is named as such, before anything of the program is read."""

import ast
import runpy
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "chronos_gitops/__init__.py"


@pytest.mark.parametrize("version", [(3, 8, 20), (3, 10, 14)])
def test_an_older_python_ends_with_a_sentence(version: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(PACKAGE))
    assert ended.value.code == f"chronos-gitops needs Python 3.11 or newer, and this is 3.{version[1]}"


def test_an_older_python_can_read_the_module() -> None:
    ast.parse(PACKAGE.read_text(), feature_version=(3, 7))
