"""One JSON object per problem and line (https://jsonlines.org)."""

import json
from collections.abc import Sequence

from chronos_gitops.cli.reports.problems.json import document
from chronos_gitops.jobs.problem import Problem


def render(problems: Sequence[Problem], _files: int) -> str:
    return "".join(json.dumps(document(problem), ensure_ascii=False) + "\n" for problem in problems)
