"""A version with its content, as its endpoints and the comparison of two versions use it."""

from typing import Any

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.secrets import masking
from chronos_gitops.jobs.validation.validate import FileResult
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.request_context import service
from chronos_gitops.versions.version import Version


@dataclass(frozen=True, slots=True)
class VersionContent:
    """A version with its content; ``source`` is None for a deletion."""

    version: Version
    source: str | None
    parsed: FileResult | None
    environment: str | None = None

    @property
    def sources(self) -> dict[str, Any]:
        """The place of each value in the files of then, by field."""
        if self.job is None or self.source is None:
            return {}
        content = self.source.encode()
        effective = service().follower.effective_version(self.version, content, self.environment)
        return responses.places(effective.document, self.job)

    @property
    def yaml(self) -> str | None:
        return None if self.source is None else masking.masked_file(self.source, self.job)

    @property
    def job(self) -> Job | None:
        return None if self.parsed is None else self.parsed.job
