"""Drafts on disk: layers that differ from HEAD, the jobs that they change, and jobs that run drafts."""

from collections.abc import Callable, Collection, Mapping, Sequence

from chronos_gitops.jobs.folders import one_of_each_folder
from chronos_gitops.jobs.layers.file_roles import beside_jobs
from chronos_gitops.jobs.layers.parts import parts_of
from chronos_gitops.jobs.layers.tree import Layers
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.files import Files
from chronos_gitops.jobs.validation.validate import FileResult, TreeResult
from chronos_gitops.process.lazy_dataclass import dataclass


def changed_layers(loaded: Layers, committed: Layers) -> frozenset[str]:
    """Paths of layers that are new, gone or different."""
    here, there = ({layer.path: layer.blob for layer in side.all} for side in (loaded, committed))
    return frozenset(path for path in here.keys() | there.keys() if here.get(path) != there.get(path))


def has_layers(loaded: TreeResult, committed: Mapping[str, str]) -> bool:
    """True if a layer stands on disk or in HEAD; a path that only looks like one costs a look at HEAD."""
    return bool(loaded.layers.all) or bool(beside_jobs(committed))


class JobsOfChangedLayers:
    """Which jobs changed layers make others than at HEAD. What the layers of HEAD make of a file is remembered: a saved
    layer over 10,000 jobs reads no job file."""

    def __init__(self) -> None:
        self._at_head: dict[str, tuple[_Key, str]] = {}
        self._seen: Mapping[str, FileResult] = {}
        """By path, the jobs under the layers of HEAD whose contents are remembered."""

    def find(
        self, loaded: TreeResult, committed: Layers, files: Files, environment: str | None
    ) -> Mapping[str, tuple[str, ...]]:
        """By the path of each job whose content in the environment is another one with the committed layers: the layers
        that differ. A comment in a layer changes no content."""
        changed = changed_layers(loaded.layers, committed)
        jobs = {one.path: one for one in loaded.jobs.values()}
        some = one_of_each_folder(jobs).items()
        folders = {folder for folder, path in some if loaded.layers.fingerprint(path) != committed.fingerprint(path)}
        alike = {path: one for path, one in jobs.items() if path.rpartition("/")[0] not in folders}
        for job in [one for path, one in alike.items() if self._seen.get(path) is not one]:
            self._at_head[job.path] = _key(job, committed, environment), job.identity.content
        self._seen = alike
        touched = [path for path in jobs if path.rpartition("/")[0] in folders] if folders else []
        keys = {path: _key(jobs[path], committed, environment) for path in touched}
        here = {path: jobs[path].identity.content for path in touched}
        known = {path: one for path in touched if (one := self._at_head.get(path)) and one[0] == keys[path] and one[1]}
        unknown = {path for path in touched if path not in known or not here[path]}
        for path, content in files.read([entry for entry in files.entries if entry.path in unknown]).items():
            own = parts_of(document.read(path, content))
            here[path] = loaded.layers.job(path, own, environment).content
            known[path] = keys[path], committed.job(path, own, environment).content
        self._at_head |= known
        for path in self._at_head.keys() - jobs.keys():
            del self._at_head[path]
        return {
            path: tuple(sorted(changed & _layers_above(path, loaded.layers, committed)))
            for path in touched
            if path in known and here[path] != known[path][1]
        }


_Key = tuple[str, str, str | None]
"""Blob, layers and environment."""


def _key(parsed: FileResult, committed: Layers, environment: str | None) -> _Key:
    return parsed.identity.blob, committed.fingerprint(parsed.path), environment


def _layers_above(path: str, *sides: Layers) -> frozenset[str]:
    return frozenset(layer.path for side in sides for layer in side.of(path))


@dataclass(frozen=True, slots=True)
class CommittedJobs:
    """The job files at HEAD: blobs by path, the layers above them, and how to read contents by blob."""

    blobs: Mapping[str, str]
    layers: Layers
    read_many: Callable[[Sequence[str]], Mapping[str, bytes]]


class DraftedJobs:
    """Which jobs on disk are others than at HEAD, in effective content or in path. Compared files are remembered, for
    a tree may differ from HEAD as a whole (other line ends) for as long as it is edited."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], bool] = {}

    def find(
        self,
        loaded: TreeResult,
        committed: CommittedJobs,
        files: Files,
        environment: str | None,
        drafts: Collection[str],
    ) -> frozenset[str]:
        """Paths. ``drafts`` are those that a changed layer makes another definition of."""
        edited = [one for one in loaded.jobs.values() if committed.blobs.get(one.path) != one.identity.blob]
        keys = {one.path: self._key(one, committed, environment) for one in edited if one.path in committed.blobs}
        unknown = [one for one in edited if one.path in keys and keys[one.path] not in self._known]
        compared = _compared(unknown, loaded.layers, committed, files, environment)
        known = self._known | {keys[path]: differs for path, differs in compared.items()}
        self._known = {key: known[key] for key in keys.values() if key in known}
        own = {one.path: one.path not in keys or known.get(keys[one.path], True) for one in edited}
        return frozenset(path for path, differs in own.items() if differs) | (frozenset(drafts) - own.keys())

    @staticmethod
    def _key(parsed: FileResult, committed: CommittedJobs, environment: str | None) -> tuple[object, ...]:
        here = (parsed.path, parsed.identity.blob, parsed.layers)
        return *here, committed.blobs[parsed.path], committed.layers.fingerprint(parsed.path), environment


def _compared(
    parsed: Sequence[FileResult], layers: Layers, committed: CommittedJobs, files: Files, environment: str | None
) -> Mapping[str, bool]:
    """By path, whether the effective contents differ; nothing of what cannot be read."""
    paths = {one.path for one in parsed}
    if not paths:
        return {}
    here = files.read([entry for entry in files.entries if entry.path in paths])
    there = committed.read_many([committed.blobs[path] for path in sorted(paths)])
    found: dict[str, bool] = {}
    for path in paths:
        before = there.get(committed.blobs[path])
        if path not in here or before is None:
            continue
        contents = (
            side.job(path, parts_of(document.read(path, text)), environment).content
            for side, text in ((layers, here[path]), (committed.layers, before))
        )
        found[path] = len(set(contents)) > 1
    return found
