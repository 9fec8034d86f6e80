"""One engine, one environment: the first name that uses a database or a namespace is recorded there."""

from typing import Final

from chronos_gitops.errors import UsageError
from chronos_gitops.process.lazy_dataclass import dataclass


class WrongEnvironment(UsageError):
    """Another environment's executions are kept there."""

    kind = "wrong-environment"


@dataclass(frozen=True, slots=True)
class EnvironmentClaim:
    """``name`` is the runner's environment; one that names none uses what it finds. ``is_renamed``: an operator says
    that the name recorded before is this one now."""

    name: str | None = None
    is_renamed: bool = False

    def check(self, recorded: str, place: str) -> None:
        """``place`` is "database" or "namespace". WrongEnvironment."""
        if self.name is not None and recorded != self.name:
            hint = f"give {self.name} a {place} of its own; after a rename, --accept-environment once"
            raise WrongEnvironment(f"this {place} belongs to environment {recorded}", hint=hint)


NO_CLAIM: Final = EnvironmentClaim()
