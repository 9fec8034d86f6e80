"""Identities: the id of a job, and of its definition, by which it is compared and cached everywhere."""

import hashlib
import uuid
from functools import lru_cache

from chronos_gitops.process.lazy_dataclass import dataclass

JOB_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://chronos-gitops.dev/job")


@lru_cache(maxsize=100_000)  # 7 µs each, and every reload asks for all of them
def job_id(name: str) -> str:
    """The stable id of a job: UUIDv5 of its name (RFC 9562), the same on every machine and after every restart."""
    return str(uuid.uuid5(JOB_NAMESPACE, name))


@dataclass(frozen=True, slots=True)
class DefinitionId:
    """``blob`` is the git blob id of the job's own file, ``content`` a digest of what its layers make of it in the
    ``environment``: "" for a job without layers, None where no environment is declared."""

    blob: str
    content: str = ""
    environment: str | None = None

    @property
    def key(self) -> str:
        """As one word, for ETags; the blob id where nothing but the file has a say."""
        if not self.content and self.environment is None:
            return self.blob
        return hashlib.sha256(repr((self.blob, self.content, self.environment)).encode()).hexdigest()
