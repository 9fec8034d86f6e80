"""docs/reference/rules.md says what the rule book says."""

import re
import subprocess
import sys
from pathlib import Path

from chronos_gitops.cli.reports.problems.rule_docs import page
from chronos_gitops.jobs.validation.rule_texts.registry import RULES

ROOT = Path(__file__).parents[4]


def test_the_page_in_the_repository_is_not_stale() -> None:
    mend = "python -m chronos_gitops.cli.reports.problems.rule_docs > docs/reference/rules.md"
    assert (ROOT / "docs/reference/rules.md").read_text("utf-8") == page(), f"run {mend}"


def test_the_command_that_the_page_names_writes_the_page() -> None:
    command = [sys.executable, "-m", "chronos_gitops.cli.reports.problems.rule_docs"]
    assert subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.decode() == page()


def test_every_rule_has_a_section_that_the_table_leads_to() -> None:
    sections = re.findall(r"^### (.+)$", page(), re.MULTILINE)
    links = re.findall(r"^\| \[(.+)\]\(#(.+)\) \|", page(), re.MULTILINE)
    assert sections == [name for name, _ in links] == [anchor for _, anchor in links] == list(RULES)
