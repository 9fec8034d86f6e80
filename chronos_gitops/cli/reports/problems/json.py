"""Problems as one JSON document, the shape of CONTRACT 7."""

import json
from collections.abc import Sequence

from chronos_gitops.jobs.problem import Problem


def render(problems: Sequence[Problem], files: int) -> str:
    shown = {"files": files, "problems": [problem.document() for problem in problems]}
    return json.dumps(shown, indent=2, ensure_ascii=False) + "\n"
