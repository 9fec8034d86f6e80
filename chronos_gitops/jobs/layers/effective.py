"""The effective job: what the files make of one job in one environment, and where each of its values is written."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Final

from chronos_gitops.jobs.layers import merge, variables
from chronos_gitops.jobs.layers.merge import NULL
from chronos_gitops.jobs.validation.document import Document, SourceSpan
from chronos_gitops.jobs.validation.yaml.positions import Path
from chronos_gitops.process.lazy_dataclass import dataclass

_HEADERS: Final = ("webhook", "headers")
_NAME: Final = ("name",)
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class EffectiveDocument(Document):
    """The job's own file with the value that the chain gives it. ``chain`` is its parts, the nearest first; ``used``
    are the variables whose values stand in a field now."""

    chain: tuple[Document, ...] = ()
    used: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)

    def spot(self, path: Path) -> SourceSpan:
        """Of a text with variables, the value of the first one."""
        if self.used.get(path):
            use = self.text_spot(path, "")
            return replace(
                self._written((variables.VARIABLES, self.used[path][0]), is_key=False), used_at=f"{use.file}:{use.line}"
            )
        return self._written(path, is_key=False)

    def key_spot(self, path: Path) -> SourceSpan:
        return self._written(path, is_key=True)

    def missing_spot(self, path: Path) -> SourceSpan:  # noqa: ARG002 - it is missing in the job, wherever it belongs
        return self._written(_NAME, is_key=False)

    def spot_of(self, path: Path, part: str) -> SourceSpan:
        document, written = self._writer(path)
        if self.used.get(path) and part not in str(document.get(*written)):
            return self.spot(path)
        return document.spot_of(written, part)

    def text_spot(self, path: Path, part: str) -> SourceSpan:
        """Of a part of a text as it is written, before variables are replaced."""
        document, written = self._writer(path)
        return document.spot_of(written, part)

    def source(self, path: Path) -> SourceSpan | None:
        """Where the value is written; None for one that the job does not have."""
        if self.get(*path) is None:
            return None
        document, written = self._writer(path)
        return document.spot(written) if len(written) == len(path) else None

    def _written(self, path: Path, *, is_key: bool) -> SourceSpan:
        document, written = self._writer(path)
        return document.spot(written) if len(written) == len(path) and not is_key else document.key_spot(written)

    def _writer(self, path: Path) -> tuple[Document, Path]:
        """The nearest part that says the value, and its path there; else of the nearest value above it, else of the
        name."""
        for length in range(len(path), 0, -1):
            for document in self.chain:
                written = _spelled(document, path[:length])
                is_said = written in document.keys or written in document.values
                if is_said and (document.get(*written) is not NULL or written == merge.AUTH_TYPE):
                    return document, written
        own = next((one for one in reversed(self.chain) if one.file == self.file), self.chain[0])
        return own, _NAME


def _spelled(document: Document, path: Path) -> Path:
    """A header as this part spells it."""
    if path[:2] != _HEADERS or len(path) != 3 or path in document.keys:
        return path
    headers = document.get(*_HEADERS)
    wanted = str(path[2]).lower()
    return next(((*_HEADERS, name) for name in headers or () if name.lower() == wanted), path)


@dataclass(frozen=True, slots=True)
class EffectiveJob:
    """``merged`` is the value before variables are replaced, ``document`` the one with their values."""

    merged: dict[str, Any]
    document: EffectiveDocument

    @property
    def used_variables(self) -> dict[str, Any]:
        return variables.only_used(self.merged)

    @property
    def content(self) -> str:
        """Digest of the merged value with only the variables it uses: it depends on no release and no format."""
        return content_digest(self.merged)


def content_digest(merged: Mapping[str, Any]) -> str:
    return hashlib.sha256(_CANONICAL.encode(content_of(merged)).encode()).hexdigest()


def content_of(merged: Mapping[str, Any]) -> dict[str, Any]:
    """A merged job before built-in defaults, with only the variables that it uses: a job whose content stays has no
    new version."""
    return {**merged, variables.VARIABLES: variables.only_used(merged)}


def effective_job(own: Document, parts: Sequence[Document], merged: dict[str, Any]) -> EffectiveJob:
    """``parts``, the weakest first, are those that ``merged`` is the fold of."""
    filled = variables.fill(merged)
    document = EffectiveDocument(
        file=own.file,
        lines=own.lines,
        value=filled.value | {key: merged[key] for key in (variables.VARIABLES,) if key in merged},
        keys=own.keys,
        values=own.values,
        suspect=own.suspect,
        problems=(),
        complete=own.complete,
        chain=tuple(reversed(parts)),
        used=filled.used,
    )
    return EffectiveJob(merged, document)
