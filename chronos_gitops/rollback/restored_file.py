"""The file of a job as a rollback writes it: its text at that version, and what layers said then written out."""

from dataclasses import field

from chronos_gitops.jobs.layers.parts import FileParts, parts_of
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.layers.layer_files import layers_among
from chronos_gitops.jobs.validation.validate import git_blob_id
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.rollback.committer import InvalidVersion
from chronos_gitops.rollback.file_text import with_values
from chronos_gitops.rollback.revert import HeadHistory
from chronos_gitops.rollback.written_out import (
    JobPlace,
    WrittenValue,
    differences,
    file_value,
    needs_nothing,
    written_out,
)
from chronos_gitops.sync.content.committed_layers import layers_of
from chronos_gitops.versions.layer_history import reaching
from chronos_gitops.versions.version import Version


@dataclass(frozen=True, slots=True)
class RestoredFile:
    """``blob`` is the id of ``content``, which is in the repository unless something was written out. ``rewritten`` are
    fields that lost their comments."""

    blob: str
    content: bytes
    written_out: tuple[WrittenValue, ...] = ()
    rewritten: tuple[str, ...] = ()
    is_stored: bool = field(default=True, compare=False)


def restored_file(history: HeadHistory, target: Version, current: Version) -> RestoredFile:
    """The content that makes the job as it was at ``target``, for the job's current path."""
    content = history.read(target.blob)
    plain = RestoredFile(target.blob, content)
    if not target.layers.blobs and not history.index.layers.blobs:
        return plain
    read = document.read(target.path, content)
    own, then, now = parts_of(read), _then(history, target), _now(history, current)
    if not read.complete or needs_nothing(own, then, now):
        return plain
    made = written_out(own, then, now)
    edited = with_values(content.decode("utf-8", "replace"), file_value(made), _note(target))
    if not now.is_same(_parts(edited.text), then, own):
        message = f"what version {target.label} of {target.job} was cannot be written under the layers of today"
        raise InvalidVersion(message, hint="roll back the layers, or write the file by hand")
    text = edited.text.encode()
    blob = git_blob_id(text, like=target.blob)
    return RestoredFile(blob, text, differences(own, made), edited.rewritten, is_stored=blob == target.blob)


def file_of(history: HeadHistory, target: Version, made: Version) -> RestoredFile:
    """The file as an earlier rollback to ``target`` wrote it in the version that it ``made``."""
    was, text = history.read(target.blob), history.read(made.blob)
    if made.blob == target.blob:
        return RestoredFile(made.blob, text)
    own, back = (parts_of(document.read("", content)) for content in (was, text))
    edited = with_values(was.decode("utf-8", "replace"), file_value(back), _note(target))
    return RestoredFile(made.blob, text, differences(own, back), edited.rewritten)


def layers_above(history: HeadHistory, current: Version) -> tuple[str, ...]:
    """The layers that have a say in the job, committed or on disk: the rollback counts on what is committed."""
    head = history.index.head
    on_disk = [] if head is None else [entry.path for entry in layers_among(history.followed.files(head))]
    return tuple(sorted(reaching({*history.index.layers.blobs, *on_disk}, current.path)))


def _then(history: HeadHistory, target: Version) -> JobPlace:
    source = history.followed.source
    return JobPlace(target.path, layers_of(source.git, source.jobs, target.layers.blobs))


def _now(history: HeadHistory, current: Version) -> JobPlace:
    source = history.followed.source
    return JobPlace(current.path, layers_of(source.git, source.jobs, history.index.layers.blobs))


def _parts(text: str) -> FileParts:
    return parts_of(document.read("", text.encode()))


def _note(target: Version) -> str:
    return f"Written out by the rollback to version {target.label}: inherited then, different now."
