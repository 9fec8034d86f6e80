"""After an edit of layers, jobs without a finding are decided again from the values of their files that were kept.

No file is read, and only what reads a changed field is judged. Anything that this finds, and all that it cannot tell,
is for the validation of the whole file, which writes the messages. The style of a name counts as no finding here.
"""

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

from chronos_gitops.jobs.layers import removals, variables
from chronos_gitops.jobs.layers.comparison import bare_document
from chronos_gitops.jobs.layers.effective import content_digest
from chronos_gitops.jobs.layers.folder_edit import Fields, FolderEdit, folder_edit, touched_by
from chronos_gitops.jobs.layers.parts import FileParts, nulls, parts_of
from chronos_gitops.jobs.layers.tree import NO_LAYERS, Layers
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.file_result import FileResult
from chronos_gitops.jobs.validation.files import Files, TreeEntry
from chronos_gitops.jobs.validation.layers import effective
from chronos_gitops.jobs.validation.layers.plain_variables import are_plain, changed_texts, filled_value, is_same
from chronos_gitops.jobs.validation.rules import document_rules, file_name
from chronos_gitops.process.lazy_dataclass import dataclass

_SENT: Final = document_rules.SENT_TEXTS | {variables.VARIABLES}
_CROSS_FILES: Final = frozenset({"skip", "requires"})
"""Their results are places in layers, or depend on other files."""
if TYPE_CHECKING:
    from chronos_gitops.jobs.model import Job


class FieldCheck(Protocol):
    """Validates a document by schema and rules, as far as these fields decide the result."""

    def __call__(self, source: Document, *, fields: Set[str]) -> tuple[Problem, ...]: ...


@dataclass(frozen=True, slots=True)
class _OwnValues:
    """The values of a file, the fields that it says, and those of its blocks for environments."""

    blob: str
    parts: FileParts
    base: Fields
    blocks: Fields


class _FolderTask:
    """An edit as the jobs of one folder see it, and where they must be judged if they say none of its fields.

    ``together`` are all fields that a rule reads together with a changed one: an environment with the same values in
    these needs no look of its own.
    """

    def __init__(self, edit: FolderEdit, environment: str | None) -> None:
        self.edit = edit
        self.is_sent = _is_sent(edit.changed)
        read = document_rules.read_with(edit.changed | (document_rules.SENT_TEXTS if self.is_sent else frozenset()))
        together = read | {variables.VARIABLES} if self.is_sent else read
        names = edit.by_environment
        self.here = environment if environment in names else next(iter(names))
        self.environments = edit.environments_to_judge(self.here, together)
        self.is_plain = not self.is_sent or all(are_plain(_given(edit.shared[name])) for name in names)
        self._base = edit.changed | (together & edit.apart) | ({variables.VARIABLES} if self.is_sent else frozenset())
        self._blocks = self._base | together

    def leaves_alone(self, own: _OwnValues) -> bool:
        """True for a file that has no say in what changed, nor in how environments differ in what is read with it."""
        return self.is_plain and own.base.isdisjoint(self._base) and own.blocks.isdisjoint(self._blocks)


class KeptValues:
    """Of files without a finding, by path: about 1 KB each. For one set of rules, secrets and bindings."""

    def __init__(self) -> None:
        self._own: dict[str, _OwnValues] = {}
        self._before = NO_LAYERS
        self._layers = NO_LAYERS
        self._tasks: dict[str, _FolderTask | None] = {}
        self._fields: dict[Fields, Fields] = {}

    def begin(self, layers: Layers) -> None:
        """A pass over a tree with these layers."""
        self._before, self._layers, self._tasks = self._layers, layers, {}

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
        clean = {path: one for path, one in former.items() if self._may_decide(one, environment)}
        self._read(files, [entry for entry in entries if entry.path in clean and self._values(entry) is None])
        for known in clean.values():
            own = self._values(TreeEntry(known.path, known.identity.blob, 0))
            decided = None if own is None else self._decide(known, own, check, environment)
            if own is not None and decided is not None:
                removed = removals.removed_by_environments(self._layers, known.path, own.parts)
                yield decided if removed == decided.removed else replace(decided, removed=removed)
            on_file()

    def forget_all_but(self, paths: Set[str]) -> None:
        """Of files that are gone nothing is kept."""
        for path in self._own.keys() - paths:
            del self._own[path]

    def _may_decide(self, known: FileResult, environment: str | None) -> bool:
        if not {one.rule for one in known.problems} <= file_name.STYLE:
            return False
        if known.job is None or any(gate.at.file != known.path for gate in known.gates):
            return False
        task = self._task(known, environment)
        return task is not None and task.edit.changed.isdisjoint(_CROSS_FILES)

    def _values(self, entry: TreeEntry) -> _OwnValues | None:
        own = self._own.get(entry.path)
        return own if own is not None and own.blob == entry.blob else None

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
                said = (self._fields.setdefault(one, one) for one in touched_by(values))  # many files say the same
                self._own[path] = _OwnValues(blobs[path], values, *said)

    def _decide(
        self, known: FileResult, own: _OwnValues, check: FieldCheck, environment: str | None
    ) -> FileResult | None:
        layers, task = self._layers, self._task(known, environment)
        assert task is not None, "only these are decided"
        key, changed = layers.verdict_key(known.path), task.edit.changed
        if not changed and not layers.policies.files:
            return _again(known, key)
        if not layers.policies.files and task.leaves_alone(own):
            decide = _decide_quickly_sent if task.is_sent else _decide_quickly
            return decide(known, own.parts, layers, task, check, key)
        if task.is_sent or layers.policies.files:
            return _decide_sent(known, own.parts, layers, environment, check, changed, key)
        merged = layers.merged(known.path, own.parts)
        for value in _differing(merged.values(), changed):
            if check(bare_document(value, known.path), fields=changed):
                return None
        here = merged[environment] if environment in merged else next(iter(merged.values()))
        return _made(known, here, key, content_digest(here), sent_like=known.job)

    def _task(self, known: FileResult, environment: str | None) -> _FolderTask | None:
        """None where the edit cannot be told."""
        if known.layers != self._before.verdict_key(known.path):
            return None
        folder = known.path.rpartition("/")[0]
        if folder not in self._tasks:
            was, now = (bool(layers.fingerprint(known.path)) for layers in (self._before, self._layers))
            edit = folder_edit(self._before, self._layers, known.path) if was == now else None
            self._tasks[folder] = None if edit is None else _FolderTask(edit, environment)
        return self._tasks[folder]


def _decide_quickly(
    known: FileResult, own: FileParts, layers: Layers, task: _FolderTask, check: FieldCheck, key: str
) -> FileResult | None:
    """A file that says none of the changed fields, which are in no request."""
    here: Mapping[str, Any] | None = None
    for name in task.environments:
        value = layers.merged_in(known.path, own, name)
        if check(bare_document(value, known.path), fields=task.edit.by_environment[name]):
            return None
        here = value if name == task.here else here
    if here is None:
        return _again(known, key)
    return _made(known, here, key, content_digest(here), sent_like=known.job)


def _decide_quickly_sent(
    known: FileResult, own: FileParts, layers: Layers, task: _FolderTask, check: FieldCheck, key: str
) -> FileResult | None:
    """The same where the request may differ, and all variables are plain texts of layers."""
    made: FileResult | None = None
    for name in task.environments:
        value = layers.merged_in(known.path, own, name)
        given = _given(value)
        changed = changed_texts(value, given, task.edit.by_environment[name], task.edit.variables[name])
        if changed is None:
            return None
        if not changed:
            continue  # another value of a variable that the job does not use there
        plain = {field: one for field, one in value.items() if field != variables.VARIABLES}
        filled = variables.with_texts(plain, given)
        if check(bare_document(filled, known.path), fields=changed):
            return None
        if name == task.here:
            content = content_digest(value)
            if task.edit.changed <= _SENT and known.job is not None:
                made = _again(known, key, content, known.job.with_webhook(filled["webhook"]))
            else:
                made = _made(known, filled, key, content)
    return made or _again(known, key)


def _given(value: Mapping[str, Any]) -> Mapping[str, Any]:
    given: Mapping[str, Any] = value.get(variables.VARIABLES, {})
    return given


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
            return _made(known, filled, key, content_digest(values[here]))
    found = effective.judge_parts(known.path, own, layers, environment, lambda source: check(source, fields=fields))
    if found.problems or found.value is None:
        return None
    return replace(_made(known, found.value, key, found.content), policies=found.policies)


def _made(
    known: FileResult, value: Mapping[str, Any], key: str, content: str, sent_like: "Job | None" = None
) -> FileResult:
    from chronos_gitops.jobs.model import Job

    return _again(known, key, content, Job.from_document(value, sent_like=sent_like))


def _again(known: FileResult, key: str, content: str | None = None, job: "Job | None" = None) -> FileResult:
    """The same result under other layers, with another job where one is given. No policy chose it."""
    identity = known.identity if content is None else replace(known.identity, content=content)
    return replace(known, identity=identity, job=known.job if job is None else job, layers=key, policies=())
