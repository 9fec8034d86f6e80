"""The identity of a problem over commits: the same while lines above it come and go, different for each problem."""

import hashlib
from collections import Counter
from collections.abc import Sequence

from chronos_gitops.jobs.problem import Problem


def fingerprints(problems: Sequence[Problem]) -> list[str]:
    """One per problem: a digest of file, rule, message and how many of the same came before; never of the line."""
    seen: Counter[tuple[str, str, str]] = Counter()
    digests = []
    for problem in problems:
        key = (problem.file, problem.rule, problem.message)
        text = "\0".join((*key, str(seen[key])))
        digests.append(hashlib.sha256(text.encode()).hexdigest())
        seen[key] += 1
    return digests
