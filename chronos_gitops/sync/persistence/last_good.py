"""The JobSet that ran last, on disk: a restart with the remote away or with a broken tip runs it.

And a restart on an unchanged tree judges no file anew: what was said about a file is kept beside its job, and counts
while its content, this program and everything else that it is judged by are the same (``repo.judges``).
"""

import hashlib
import json
import logging
import sys
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from chronos_gitops.jobs.job_set import diff
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.jobs.problem import Problem, Severity
from chronos_gitops.jobs.validation.document import SourceSpan
from chronos_gitops.jobs.validation.validate import FileResult
from chronos_gitops.state.atomic_files import Sealed, append_line, read_lines, write_sealed

_FORMAT: Final = 2
_FEW: Final = 100
_log = logging.getLogger(__name__)


class LastGood:
    """One file, replaced whole, and beside it what changed since: a save costs that, and not 300 ms for 10,000 jobs.

    ``identity`` says what is followed: state of another repository is not ours. ``judges`` says what files are judged
    by; where it is None, or another one than in the file, every file is judged anew. A line of changes counts for
    exactly the file that it was written beside. A line that a crash tore is passed over; after any other trouble the
    next save is a whole one.
    """

    def __init__(self, path: Path, identity: str, *, judges: str | None = None) -> None:
        self._path = path
        self._changes = path.with_suffix(".changes")
        self._identity = identity
        self._judges = judges
        self._saved: JobSet | None = None
        self._base = ""
        self._appended = 0
        self.judged: tuple[FileResult, ...] = ()
        """After ``load``: the files that need not be judged again; their jobs are those of the JobSet."""

    def save(self, jobs: JobSet, judged: Mapping[str, FileResult] = MappingProxyType({})) -> None:
        """Durable when it returns. Readable for the owner only: a job may hold what should have been a secret.

        ``judged``, by name, is what was said about the files that these jobs stand in.
        """
        before = self._saved
        if before is None:
            self._write_whole(jobs, judged)
            return
        changes = diff(before, jobs)
        changed = [jobs.definitions[name] for name in (*changes.added, *changes.changed)]
        removed = list(changes.removed)
        if not changed and not removed and jobs.revision == before.revision:
            return
        if self._appended + len(changed) + len(removed) > max(_FEW, len(jobs) // 10):
            self._write_whole(jobs, judged)
            return
        documents = [_document(definition, judged) for definition in changed]
        line = {"base": self._base, "revision": jobs.revision, "changed": documents, "removed": removed}
        self._saved = None  # until it is known to be on disk
        append_line(self._changes, line | {"seal": _seal(_text_of(line))})
        self._saved, self._appended = jobs, self._appended + len(changed) + len(removed)

    def _write_whole(self, jobs: JobSet, judged: Mapping[str, FileResult]) -> None:
        header = {"format": _FORMAT, "identity": self._identity, "judges": self._judges, "revision": jobs.revision}
        base = write_sealed(self._path, chain([header], (_document(definition, judged) for definition in jobs)))
        self._changes.unlink(missing_ok=True)
        self._saved, self._base, self._appended = jobs, base, 0

    def load(self) -> JobSet | None:
        """None when there is nothing to go on with; then the reason, if any, is logged."""
        try:
            return self._load(Sealed(self._path))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
            _log.warning("the last good state cannot be read", extra={"path": str(self._path), "error": str(error)})
            return None

    def _load(self, content: Sealed) -> JobSet | None:
        rows = iter(content)
        header = next(rows)
        if header["format"] != _FORMAT or header["identity"] != self._identity:
            return None
        known = dict(map(_known, rows))
        base, revision = content.seal, header["revision"]
        appended = 0
        for line in self._lines(base):
            revision = line["revision"]
            known |= dict(map(_known, line["changed"]))
            known = {name: one for name, one in known.items() if name not in line["removed"]}
            appended += len(line["changed"]) + len(line["removed"])
        jobs = JobSet.of(revision, (definition for definition, _ in known.values()))
        if self._judges is not None and header["judges"] == self._judges:
            self.judged = tuple(parsed for _, parsed in known.values() if parsed is not None)
            self._saved, self._base, self._appended = jobs, base, appended
        return jobs

    def _lines(self, base: str) -> list[dict[str, Any]]:
        try:
            return [line for line in read_lines(self._changes) if line["base"] == base and _is_sealed(line)]
        except FileNotFoundError:
            return []


def _is_sealed(line: dict[str, Any]) -> bool:
    seal: str = line.pop("seal", "")
    return seal == _seal(_text_of(line))


def _seal(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _text_of(document: Any) -> bytes:
    return json.dumps(document).encode()


def _document(definition: JobVersion, judged: Mapping[str, FileResult]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "job": definition.job.document(),
        "path": definition.path,
        "blob": definition.blob,
        "version": definition.version,
        "commit": definition.commit,
        "created_at": _text(definition.created_at),
        "updated_at": _text(definition.updated_at),
        "draft": definition.draft,
    }
    parsed = judged.get(definition.job.name)
    if parsed is not None and parsed.job is definition.job and not definition.quarantined:
        document["said"] = list(map(_said, parsed.problems))
        document["named_at"] = _place(parsed.named_at)
    return document


def _known(document: dict[str, Any]) -> tuple[str, tuple[JobVersion, FileResult | None]]:
    job, path, blob = Job.from_document(document["job"]), sys.intern(document["path"]), sys.intern(document["blob"])
    definition = JobVersion(
        job=job,
        path=path,
        blob=blob,
        version=document["version"],
        commit=None if document["commit"] is None else sys.intern(document["commit"]),
        created_at=_instant(document["created_at"]),
        updated_at=_instant(document["updated_at"]),
        draft=document["draft"],
    )
    parsed = None
    if "said" in document:
        problems = tuple(_problem(path, *said) for said in document["said"])
        parsed = FileResult(path, blob, job.name, job, problems, SourceSpan(*document["named_at"]))
    return job.name, (definition, parsed)


def _place(spot: SourceSpan) -> tuple[int, int, int, str]:
    return spot.line, spot.column, spot.end, spot.whole


def _said(problem: Problem) -> tuple[int | str, ...]:
    words = (problem.severity.value, problem.rule, problem.message, problem.hint)
    return problem.line, problem.column, *words, problem.end_column, problem.excerpt, problem.fix


def _problem(file: str, line: int, column: int, severity: str, *rest: Any) -> Problem:
    """The same words are said about many files: they are kept once."""
    rule, message, hint, end, excerpt, fix = rest
    words = sys.intern(rule), sys.intern(message), sys.intern(hint)
    return Problem(file, line, column, Severity(severity), *words, end, excerpt, fix)


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


@lru_cache(maxsize=1024)
def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
