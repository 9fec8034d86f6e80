"""Workflow commands of GitHub Actions, which become annotations of a pull request.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions. Errors come first: a step shows ten
annotations of each kind only.
"""

from collections.abc import Sequence

from chronos_gitops.jobs.problem import Problem, Severity

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render(problems: Sequence[Problem], _files: int) -> str:
    rank = list(Severity)
    return "".join(f"{_command(problem)}\n" for problem in sorted(problems, key=lambda p: rank.index(p.severity)))


def _command(problem: Problem) -> str:
    properties = {
        "title": f"chronos-gitops ({problem.rule})",
        "file": problem.file,
        "line": str(problem.line),
        "endLine": str(problem.line),
        "col": str(problem.column),
        "endColumn": str(max(problem.end_column, problem.column)),
    }
    told = ",".join(f"{name}={_escape_property(value)}" for name, value in properties.items())
    message = f"{problem.statement}\n{problem.hint}" if problem.hint else problem.statement
    return f"::{_COMMANDS[problem.severity]} {told}::{_escape(message)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
