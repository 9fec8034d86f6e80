"""docs/how-to/install.md: what can run without a network does, and the README names the same commands."""

import re
import sysconfig
from pathlib import Path

import pytest
from docs.printed.page_commands import HOW_TO, printed_commands, ran
from harness.repositories.repository import Repository

import chronos_gitops

ROOT = Path(__file__).parents[3]
PAGE = (HOW_TO / "install.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| ([\w ]+)(?:, the fastest)? \| `([^`]+)`", PAGE, re.MULTILINE))
OFFLINE = {"PYTHONPATH": sysconfig.get_path("purelib"), "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
"""pip takes dependencies from the environment of the tests."""


@pytest.mark.timeout(400)
def test_the_command_for_a_checkout_installs_the_program_that_the_page_checks(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    Repository.init(folder).write_job("nightly-backup")
    done = ran(f"{ROWS['from source'].removesuffix('.')}{ROOT}", folder, **OFFLINE)
    assert done.returncode == 0, done.stdout + done.stderr
    said = ""
    for command in printed_commands("install"):
        if command.line.startswith("chronos-gitops"):
            done = ran(f'PATH="$PWD/chronos/bin:$PATH"; {command.line}', folder, **OFFLINE)
            assert done.returncode == 0, done.stdout + done.stderr
            said += done.stdout
    assert said.startswith(f"chronos-gitops {chronos_gitops.__version__}\n")


def test_the_readme_has_the_commands_of_the_page() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert {"uv", "pipx", "pip", "from source"} <= ROWS.keys()
    for method in ("uv", "pipx", "pip"):
        assert f"`{ROWS[method].rpartition('&& chronos/bin/')[2]}`" in readme


def test_names_of_files_are_those_of_the_release() -> None:
    assert f"chronos_gitops-{chronos_gitops.__version__}-py3-none-any.whl" in PAGE
    assert f"@v{chronos_gitops.__version__}`" in PAGE
