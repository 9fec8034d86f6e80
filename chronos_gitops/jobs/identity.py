"""The identity of a definition: equal ones mean the same definition of a job, wherever it is compared or cached."""

import hashlib
from dataclasses import dataclass


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
