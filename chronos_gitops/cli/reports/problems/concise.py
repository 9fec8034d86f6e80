"""One line per problem, as editors and grep read them: ``jobs/a.yaml:7:3: error[unknown-field]: ... (hint)``."""

from collections.abc import Sequence

from chronos_gitops.cli.reports.problems import summary
from chronos_gitops.jobs.problem import Problem


def render(problems: Sequence[Problem], files: int) -> str:
    return "".join(f"{text}\n" for text in (*map(line, problems), summary.line(problems, files)))


def line(problem: Problem) -> str:
    return f"{problem} ({problem.hint})" if problem.hint else str(problem)
