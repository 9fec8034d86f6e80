"""The JobSet that ran last, on disk: a restart with the remote away or with a broken tip runs it."""

import json
import logging
import os
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from chronos_gitops.jobs.model import Definition, Job, JobSet

_FORMAT: Final = 1
_log = logging.getLogger(__name__)


class LastGood:
    """One file, replaced whole. ``identity`` says what is followed: state of another repository is not ours."""

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._identity = identity

    def save(self, jobs: JobSet) -> None:
        """Durable when it returns. Readable for the owner only: a job may hold what should have been a secret."""
        document = {
            "format": _FORMAT,
            "identity": self._identity,
            "revision": jobs.revision,
            "definitions": [_document(definition) for definition in jobs],
        }
        write_atomically(self._path, json.dumps(document).encode())

    def load(self) -> JobSet | None:
        """None when there is nothing to go on with; then the reason, if any, is logged."""
        try:
            document = json.loads(self._path.read_bytes())
            if document["format"] != _FORMAT or document["identity"] != self._identity:
                return None
            return JobSet.of(document["revision"], _definitions(document["definitions"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("the last good state cannot be read", extra={"path": str(self._path), "error": str(error)})
            return None


def write_atomically(path: Path, content: bytes) -> None:
    """The old content or the new one, never a part; on stable storage when it returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _document(definition: Definition) -> dict[str, Any]:
    return {
        "job": definition.job.document(),
        "path": definition.path,
        "blob": definition.blob,
        "version": definition.version,
        "commit": definition.commit,
        "created_at": _text(definition.created_at),
        "updated_at": _text(definition.updated_at),
        "draft": definition.draft,
    }


def _definitions(documents: list[dict[str, Any]]) -> Iterator[Definition]:
    for document in documents:
        yield Definition(
            job=Job.from_document(document["job"]),
            path=document["path"],
            blob=document["blob"],
            version=document["version"],
            commit=document["commit"],
            created_at=_instant(document["created_at"]),
            updated_at=_instant(document["updated_at"]),
            draft=document["draft"],
        )


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
