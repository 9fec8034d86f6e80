"""A runner's environment and the ones that its tree declares must agree before anything of the tree is applied."""

from collections.abc import Sequence


def disagreement(environment: str | None, declared: Sequence[str]) -> str | None:
    """Why nothing is applied; None where the runner may go on: none set and none declared, or one that is declared."""
    if environment in declared or (environment is None and not declared):
        return None
    if not declared:
        return f'the repository declares no environment, and this runner names "{environment}"'
    names = ", ".join(declared)
    if environment is None:
        return f"this runner names no environment; there are {names}"
    return f'"{environment}" is not declared; there are {names}'
