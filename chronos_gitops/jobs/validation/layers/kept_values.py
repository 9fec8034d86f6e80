"""After an edit of layers, jobs without a finding are decided again from the values of their files that were kept.

No file is read, and only what reads a changed field is judged. Anything that this finds, and all that it cannot tell,
is for the validation of the whole file, which writes the messages. The style of a name counts as no finding here.
"""

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.layers import removals, variables
from chronos_gitops.jobs.layers.comparison import bare_document
from chronos_gitops.jobs.layers.effective import content_digest
from chronos_gitops.jobs.layers.parts import FileParts, nulls, parts_of
from chronos_gitops.jobs.layers.tree import NO_LAYERS, Layers
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.file_result import FileResult
from chronos_gitops.jobs.validation.files import Files, TreeEntry
from chronos_gitops.jobs.validation.layers import effective
from chronos_gitops.jobs.validation.layers.plain_variables import filled_value, is_same
from chronos_gitops.jobs.validation.rules import document_rules, file_name

_CROSS_FILES: Final = frozenset({"skip", "requires"})
"""Their results are places in layers, or depend on other files."""
if TYPE_CHECKING:
    from chronos_gitops.jobs.model import Job


class FieldCheck(Protocol):
    """Validates a document by schema and rules, as far as these fields decide the result."""

    def __call__(self, source: Document, *, fields: Set[str]) -> tuple[Problem, ...]: ...


class KeptValues:
    """Of files without a finding, by path: about 1 KB each. For one set of rules, secrets and bindings."""

    def __init__(self) -> None:
        self._own: dict[str, tuple[str, FileParts]] = {}
        self._before = NO_LAYERS
        self._layers = NO_LAYERS
        self._changed: dict[str, frozenset[str] | None] = {}

    def begin(self, layers: Layers) -> None:
        """A pass over a tree with these layers."""
        self._before, self._layers, self._changed = self._layers, layers, {}

    def decide_again(
        self,
        entries: Sequence[TreeEntry],
        files: Files,
        former: Mapping[str, FileResult],
        check: FieldCheck,
        environment: str | None,
        on_file: Callable[[], None],
    ) -> Iterator[FileResult]:
        """Results of these files under the layers of this pass, but of those that must be validated as a whole."""
        clean = {path: one for path, one in former.items() if self._may_decide(one)}
        self._read(files, [entry for entry in entries if entry.path in clean and self._values(entry) is None])
        for known in clean.values():
            own = self._values(TreeEntry(known.path, known.identity.blob, 0))
            decided = None if own is None else self._decide(known, own, check, environment)
            if own is not None and decided is not None:
                removed = removals.removed_by_environments(self._layers, known.path, own)
                yield decided if removed == decided.removed else replace(decided, removed=removed)
            on_file()

    def forget_all_but(self, paths: Collection[str]) -> None:
        """Of files that are gone nothing is kept."""
        self._own = {path: own for path, own in self._own.items() if path in paths}

    def _may_decide(self, known: FileResult) -> bool:
        if not {one.rule for one in known.problems} <= file_name.STYLE:
            return False
        if known.job is None or any(gate.at.file != known.path for gate in known.gates):
            return False
        changed = self._changed_above(known)
        return changed is not None and changed.isdisjoint(_CROSS_FILES)

    def _values(self, entry: TreeEntry) -> FileParts | None:
        blob, own = self._own.get(entry.path, ("", None))
        return own if blob == entry.blob else None

    def _read(self, files: Files, entries: Sequence[TreeEntry]) -> None:
        """A comment that ignores a finding needs the file as a whole, and a null may come to remove nothing."""
        blobs = {entry.path: entry.blob for entry in entries}
        for path, content in files.read(entries).items() if entries else ():
            if b"chronos:" not in content:
                own = parts_of(document.read(path, content))
                if any(nulls(part.value) for part in (own.base, *own.blocks.values())):
                    continue
                blocks = {sys.intern(name): _bare(block, path) for name, block in own.blocks.items()}
                base = _bare(own.base, path)
                values = FileParts(base, MappingProxyType(blocks)) if blocks else FileParts(base)
                self._own[path] = blobs[path], values

    def _decide(
        self, known: FileResult, own: FileParts, check: FieldCheck, environment: str | None
    ) -> FileResult | None:
        layers, changed = self._layers, self._changed_above(known) or frozenset()
        key = layers.verdict_key(known.path)
        if not changed and not layers.policies.files:
            return replace(known, layers=key, policies=())
        if _is_sent(changed) or layers.policies.files:
            return _decide_sent(known, own, layers, environment, check, changed, key)
        merged = layers.merged(known.path, own)
        for value in _differing(merged.values(), changed):
            if check(bare_document(value, known.path), fields=changed):
                return None
        here = merged[environment] if environment in merged else next(iter(merged.values()))
        return replace(_made(known, here, layers, key, content_digest(here), sent_like=known.job), policies=())

    def _changed_above(self, known: FileResult) -> frozenset[str] | None:
        """None where it cannot be told."""
        if known.layers != self._before.verdict_key(known.path):
            return None
        folder = known.path.rpartition("/")[0]
        if folder not in self._changed:
            self._changed[folder] = self._layers.changed_fields(self._before, known.path)
        return self._changed[folder]


def _is_sent(changed: Set[str]) -> bool:
    """True if a text that is sent may differ, or how its answer is judged."""
    return any(field == variables.VARIABLES or field.partition(".")[0] == "webhook" for field in changed)


def _bare(part: Document, path: str) -> Document:
    return bare_document({sys.intern(key): value for key, value in part.value.items()}, path)


def _differing(values: Collection[Mapping[str, Any]], changed: Set[str]) -> Iterator[Mapping[str, Any]]:
    """Without those that are, in all that is judged, made of the same objects as one before."""
    judged: list[Mapping[str, Any]] = []
    fields = document_rules.read_with(changed)
    for value in values:
        if not any(is_same(value, one, fields) for one in judged):
            judged.append(value)
            yield value


def _decide_sent(
    known: FileResult,
    own: FileParts,
    layers: Layers,
    environment: str | None,
    check: FieldCheck,
    changed: Set[str],
    key: str,
) -> FileResult | None:
    """Where texts that are sent may differ, or policies have a say."""
    fields = changed | document_rules.SENT_TEXTS if variables.VARIABLES in changed else changed
    if not layers.policies.files:
        merged = layers.merged(known.path, own)
        values, here = tuple(merged.values()), list(merged).index(environment) if environment in merged else 0
        filled = filled_value(
            known.path, own, values, here, fields, lambda source, read: not check(source, fields=read)
        )
        if filled is not None:
            return replace(_made(known, filled, layers, key, content_digest(values[here])), policies=())
    found = effective.judge_parts(known.path, own, layers, environment, lambda source: check(source, fields=fields))
    if found.problems or found.value is None:
        return None
    return replace(_made(known, found.value, layers, key, found.content), policies=found.policies)


def _made(
    known: FileResult, value: Mapping[str, Any], layers: Layers, key: str, content: str, sent_like: "Job | None" = None
) -> FileResult:
    from chronos_gitops.jobs.model import Job

    content = content if layers.fingerprint(known.path) else ""
    identity = DefinitionId(known.identity.blob, content, known.identity.environment)
    return replace(known, identity=identity, job=Job.from_document(value, sent_like=sent_like), layers=key)
