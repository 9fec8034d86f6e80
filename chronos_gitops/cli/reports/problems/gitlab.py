"""GitLab's Code Quality report, which becomes marks in a merge request.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format; paths are relative to the project.
"""

import json
from collections.abc import Sequence
from typing import Any

from chronos_gitops.cli.reports.problems.fingerprint import fingerprints
from chronos_gitops.jobs.problem import Problem, Severity

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.NOTE: "info"}


def render(problems: Sequence[Problem], _files: int) -> str:
    found = [_issue(problem, mark) for problem, mark in zip(problems, fingerprints(problems), strict=True)]
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _issue(problem: Problem, fingerprint: str) -> dict[str, Any]:
    return {
        "description": f"{problem.statement} ({problem.hint})" if problem.hint else problem.statement,
        "check_name": problem.rule,
        "fingerprint": fingerprint,
        "severity": _SEVERITIES[problem.severity],
        "location": {"path": problem.file.removeprefix("./"), "lines": {"begin": problem.line}},
    }
