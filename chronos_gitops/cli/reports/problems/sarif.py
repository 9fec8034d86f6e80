"""SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/), as code scanning reads it."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from chronos_gitops import __version__
from chronos_gitops.cli.reports.problems.fingerprint import fingerprints
from chronos_gitops.jobs.problem import Problem, Severity
from chronos_gitops.jobs.rule import Rule
from chronos_gitops.jobs.validation.rule_texts.registry import RULES

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render(problems: Sequence[Problem], _files: int) -> str:
    """Columns count code points from 1; file names are relative addresses with forward slashes."""
    used = sorted({problem.rule for problem in problems})
    marks = fingerprints(problems)
    run = {
        "tool": {
            "driver": {"name": "chronos-gitops", "version": __version__, "rules": [_rule(RULES[name]) for name in used]}
        },
        "automationDetails": {"id": "chronos-gitops/validate/"},
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(problem, used.index(problem.rule), mark) for problem, mark in zip(problems, marks, strict=True)
        ],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": f"{rule.summary} {rule.explanation}"},
        "help": {"text": rule.explanation},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(problem: Problem, rule_index: int, fingerprint: str) -> dict[str, Any]:
    region = {"startLine": problem.line, "startColumn": problem.column}
    if problem.end_column > problem.column:
        region["endColumn"] = problem.end_column
    location = {"artifactLocation": {"uri": quote(problem.file.removeprefix("./")), "uriBaseId": "%SRCROOT%"}}
    return {
        "ruleId": problem.rule,
        "ruleIndex": rule_index,
        "level": _LEVELS[problem.severity],
        "message": {"text": f"{problem.statement} ({problem.hint})" if problem.hint else problem.statement},
        "locations": [{"physicalLocation": location | {"region": region}}],
        "partialFingerprints": {"chronosGitops/v1": fingerprint},
    }
