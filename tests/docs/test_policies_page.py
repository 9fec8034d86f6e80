"""docs/how-to/enforce-policies.md: its policy is a valid one, and finds what the page says."""

import re
import subprocess
from pathlib import Path

import pytest

from chronos_gitops.cli.main import main

PAGE = (Path(__file__).parents[2] / "docs/how-to/enforce-policies.md").read_text("utf-8")
JOB = """\
name: settle
enabled: true
schedule: "0 2 * * *"
timeout: 1m
webhook: {url: "https://eu.pay.example.com/settle"}
"""


def test_policy_of_the_page_finds_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, text = re.findall(r"```yaml\n# (\S+)\n(.*?)```", PAGE, re.DOTALL)[0]
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    for name, content in ((path, text), ("jobs/payments/settle.yaml", JOB)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, "utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["validate", "--format", "concise"]) == 1
    errors = [line for line in capsys.readouterr().out.splitlines() if "error[" in line]
    assert [line in PAGE for line in errors] == [True], errors
