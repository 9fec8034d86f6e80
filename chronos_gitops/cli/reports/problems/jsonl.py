"""One JSON object per problem and line (https://jsonlines.org)."""

import json
from collections.abc import Sequence

from chronos_gitops.jobs.problem import Problem


def render(problems: Sequence[Problem], _files: int) -> str:
    return "".join(json.dumps(problem.document(), ensure_ascii=False) + "\n" for problem in problems)
