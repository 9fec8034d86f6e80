"""The content of a version by its blob, from git or from a file on disk that runs without having been committed."""

from collections.abc import Mapping, Sequence
from contextlib import closing, suppress

from chronos_gitops.git.errors import ObjectMissing, OutputTooLarge, Stopped
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.validation.validate import git_blob_id
from chronos_gitops.sync.source import Source


def read_content(source: Source, running: JobSet, blob: str) -> bytes:
    """ObjectMissing where it is neither in the repository nor in a file of a running job."""
    try:
        return _committed(source, blob)
    except ObjectMissing:
        for definition in running:
            content = source.read_path(definition.path) if definition.identity.blob == blob else None
            if content is not None and git_blob_id(content, like=blob) == blob:
                return content
        raise


def read_contents(source: Source, running: JobSet, blobs: Sequence[str]) -> Mapping[str, bytes]:
    """Contents by id; what is missing or too large is left out."""
    contents = {}
    for blob in blobs:
        with suppress(ObjectMissing, OutputTooLarge):
            contents[blob] = read_content(source, running, blob)
    return contents


def _committed(source: Source, blob: str) -> bytes:
    try:
        return source.objects.git.read(blob)
    except Stopped:
        # The runner drains: pages of versions are still asked for.
        with closing(source.git.reopened()) as git:
            return git.read(blob)
