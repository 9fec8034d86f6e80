"""The last line of a validation: how much was looked at, how much was found."""

from collections import Counter
from collections.abc import Sequence

from chronos_gitops.jobs.problem import Problem, Severity
from chronos_gitops.plurals import plural


def line(problems: Sequence[Problem], files: int) -> str:
    """``Checked 3 files: 1 error, 2 warnings.``"""
    if not files and not problems:
        return "Checked no file."
    found = Counter(problem.severity for problem in problems)
    parts = [plural(found[severity], severity.value) for severity in Severity if found[severity]]
    return f"Checked {plural(files, 'file')}: {', '.join(parts) or 'no problems'}."
