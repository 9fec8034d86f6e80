"""The content of each job as the commits of a chain unroll: its own file with the last readable layers above it.

Contents are compared and never stored: a layer edit costs two merges for each job below it, in each environment.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import ObjectMissing
from chronos_gitops.git.log import Edit
from chronos_gitops.jobs.folders import inside
from chronos_gitops.jobs.layers.comparison import comparable
from chronos_gitops.jobs.layers.file_roles import MOST_ENVIRONMENTS, FileRole, place_of
from chronos_gitops.jobs.layers.parts import FileParts, parts_of
from chronos_gitops.jobs.layers.tree import NO_LAYERS, Layer, Layers
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.layers.layer_files import is_readable, layer_document
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.versions.inherited_edits import InheritedEdits
from chronos_gitops.versions.inherited_edits import reach as _reach
from chronos_gitops.versions.layer_history import LayerEdit
from chronos_gitops.versions.version import UNTOLD, Reach

_SPARE: Final = 1000
"""Parsed files that may be held besides those that are jobs now; about 1 KB each."""


@dataclass(frozen=True, slots=True)
class OwnFile:
    """Where the file of a job stands, and its content."""

    path: str
    blob: str


class JobContents:
    """``layers`` are the readable ones at the commit that was taken last. Contents of files are read from git once, and
    parsed ones are held for the files that are jobs now."""

    def __init__(self, git: Git, jobs: str) -> None:
        self._git = git
        self._jobs = jobs
        self._layers: dict[str, Layer] = {}
        self._raw: dict[str, bytes] = {}
        self._own: dict[str, FileParts | None] = {}
        self._most = _SPARE
        self._edits: InheritedEdits | None = None
        self.layers = NO_LAYERS

    def restore(self, blobs: Mapping[str, str]) -> None:
        """The layers as an earlier process knew them. ObjectMissing where one cannot be read any more."""
        if len(self.take([Edit(path, blob) for path, blob in blobs.items()])) < len(blobs):
            raise ObjectMissing("a layer of the saved index of versions is not in the repository")

    def offer(self, contents: Mapping[str, bytes]) -> None:
        """Contents by blob that were read anyway and may be asked for soon."""
        self._raw.update(contents)

    def take(self, edits: Iterable[Edit]) -> list[LayerEdit]:
        """The edits of layers that say something: one that cannot be read leaves the layer as it was."""
        made = []
        for edit in edits:
            layer = self._readable(edit.path, edit.blob) if edit.blob else None
            if layer is None and (edit.blob or not edit.is_gone or edit.path not in self._layers):
                continue
            made.append(LayerEdit(edit.path, edit.blob))
            if layer is None:
                del self._layers[edit.path]
            else:
                self._layers[edit.path] = layer
        if made:
            self.layers = Layers(self._limited(), self._place)
        return made

    def below(self, edits: Sequence[LayerEdit], owners: Mapping[str, str]) -> list[str]:
        """Names of the jobs that one of these layers reaches. ``owners`` has the path of each job."""
        places = [place_of(self._place(edit.path)) for edit in edits]
        if any(place.role is FileRole.ENVIRONMENT or not place.folder for place in places):
            return list(owners)
        folders = tuple(f"{place.folder}/" for place in places)
        return [name for name, path in owners.items() if self._place(path).startswith(folders)]

    def prepare(self, files: Iterable[OwnFile]) -> None:
        """Reads at once what ``reach`` would read one by one."""
        unread = [file.blob for file in files if file.blob not in self._own and file.blob not in self._raw]
        if unread:
            self._raw.update(self._git.read_many(unread))

    def reach(self, layers: Layers, before: OwnFile | None, after: OwnFile | None) -> Reach:
        """Where the content of a job changed; ``layers`` are those before."""
        if not layers.all and not self.layers.all:
            return UNTOLD
        declared = self.layers.environments or None
        if before is None or after is None:
            if after is not None:
                self._parts(after.blob)  # which is at hand now, and will be compared with the next one
            return Reach(declared, effective=True)
        if before == after and (reach := self._inherited_reach(layers, after)) is not None:
            return reach
        return _reach(self._values(layers, before), self._values(self.layers, after))

    def _inherited_reach(self, before: Layers, file: OwnFile) -> Reach | None:
        """Of a file that says none of the fields which the layers change; the same for many of its folder. None where
        it must be merged."""
        own = self._parts(file.blob)
        if self._edits is None or (self._edits.before, self._edits.after) != (before, self.layers):
            self._edits = InheritedEdits(before, self.layers)
        return None if own is None else self._edits.reach(file.path, own)

    def evict(self, live: Callable[[], Collection[str]]) -> None:
        """Forgets all contents but parsed ones; of these all that are not ``live``, once there are many of them."""
        self._raw.clear()
        self._edits = None
        if len(self._own) > self._most:
            blobs = live()
            self._own = {blob: self._own[blob] for blob in blobs if blob in self._own}
            self._most = len(self._own) + max(_SPARE, len(self._own) // 4)

    def _values(self, layers: Layers, file: OwnFile) -> Mapping[str | None, Any]:
        """A file that cannot be read has the same value under all layers."""
        own = self._parts(file.blob)
        if own is None:
            return dict.fromkeys(layers.environments or (None,))
        return layers.merged(file.path, own)

    def _parts(self, blob: str) -> FileParts | None:
        if blob not in self._own:
            content = self._content(blob)
            read = None if content is None else document.read("", content)
            self._own[blob] = comparable(parts_of(read)) if read is not None and read.complete else None
        return self._own[blob]

    def _readable(self, path: str, blob: str) -> Layer | None:
        content = self._content(blob)
        read = None if content is None else layer_document(path, content)
        if read is None or not is_readable(read):
            return None
        return Layer(path, place_of(self._place(path)), blob, comparable(parts_of(read)))

    def _content(self, blob: str) -> bytes | None:
        return self._raw[blob] if blob in self._raw else self._git.read_many([blob]).get(blob)

    def _limited(self) -> list[Layer]:
        """Environments beyond the limit are none, as in validation."""
        layers = [self._layers[path] for path in sorted(self._layers)]
        surplus = [one for one in layers if one.place.role is FileRole.ENVIRONMENT][MOST_ENVIRONMENTS:]
        return [one for one in layers if one not in surplus] if surplus else layers

    def _place(self, path: str) -> str:
        return inside(path, self._jobs)
