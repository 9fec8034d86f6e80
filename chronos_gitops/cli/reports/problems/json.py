"""Problems as one JSON document, the shape of CONTRACT 7."""

import json
from collections.abc import Sequence
from typing import Any

from chronos_gitops.jobs.problem import Problem


def render(problems: Sequence[Problem], files: int) -> str:
    shown = {"files": files, "problems": [document(problem) for problem in problems]}
    return json.dumps(shown, indent=2, ensure_ascii=False) + "\n"


def document(problem: Problem) -> dict[str, Any]:
    """Lines and columns count from 1; ``hint`` is "" when there is none."""
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "severity": problem.severity.value,
        "rule": problem.rule,
        "message": problem.message,
        "hint": problem.hint,
        "jobs": problem.jobs,
        "job_names": list(problem.job_names),
        "environments": None if problem.environments is None else list(problem.environments),
        "policy": problem.policy or None,
    }
