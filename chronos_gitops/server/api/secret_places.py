"""Places in the files that run in which secrets are referred to, and the warnings about those without a value."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from chronos_gitops.git.errors import GitError
from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.secrets.references import Field
from chronos_gitops.jobs.secrets.usage import SecretUse, missing_problem, places
from chronos_gitops.jobs.validation.document import SourceSpan

if TYPE_CHECKING:
    from chronos_gitops.service import Service

Places = Mapping[tuple[Field, str], SourceSpan]


class _Cache:
    """Places by path and definition. Bounded; harmless races."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._known: dict[tuple[str, DefinitionId], Places] = {}

    def __call__(self, service: "Service", definition: JobVersion) -> Places:
        key = (definition.path, definition.identity)
        found = self._known.get(key)
        if found is None:
            found = {}
            with suppress(GitError):
                effective = service.follower.effective(definition)
                found = {} if effective is None else places(effective)
                if len(self._known) >= self._most:
                    self._known.clear()
                self._known[key] = found
        return found


_places = _Cache()


def of(service: "Service", use: SecretUse) -> SourceSpan:
    """Where it is written in the files that run; the first line of the job's file where that cannot be told."""
    definition = service.jobs().get(use.job)
    found = {} if definition is None else _places(service, definition)
    return found.get((use.field, use.name)) or SourceSpan(use.path, 1, 1, 2, "")


def warnings(service: "Service", job: str) -> list[Problem]:
    """``missing-secret`` for each field of a job with a secret whose value cannot be used on this runner."""
    watch = service.secrets
    return [missing_problem(use, watch.value(use.name), of(service, use)) for use in watch.without_value(job)]
