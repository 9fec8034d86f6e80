"""The layers of the tree at each commit of the chain, as their last readable contents."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from chronos_gitops.jobs.folders import is_path_in
from chronos_gitops.jobs.layers.file_roles import DEFAULTS
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class LayerEdit:
    """A layer after a commit; ``blob`` is empty when it is gone."""

    path: str
    blob: str


@dataclass(frozen=True, slots=True, eq=False)
class LayerState:
    """The layers after one commit: the first ``upto`` of all edits, those from ``since`` on made by the commit itself.

    The edits belong to the whole history and only ever get longer, so that a state costs no copy.
    """

    _edits: Sequence[LayerEdit]
    since: int
    upto: int

    @property
    def blobs(self) -> Mapping[str, str]:
        """The last readable content of each layer, by path."""
        return _replayed(self)

    @property
    def edited(self) -> tuple[str, ...]:
        """The layers whose readable content the commit changed."""
        return tuple(edit.path for edit in self._edits[self.since : self.upto])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LayerState):
            return NotImplemented
        return (self.since, self.upto) == (other.since, other.upto) and (
            self._edits is other._edits or self._edits[: self.upto] == other._edits[: other.upto]
        )

    def __hash__(self) -> int:
        return hash((id(self._edits), self.since, self.upto))


@lru_cache(maxsize=64)
def _replayed(state: LayerState) -> Mapping[str, str]:
    standing = {edit.path: edit.blob for edit in state._edits[: state.upto]}
    return {path: blob for path, blob in standing.items() if blob}


NO_LAYERS_YET: Final = LayerState((), 0, 0)


def reaching(layers: Iterable[str], job: str) -> Iterator[str]:
    """Those that have a say in the job at this path: defaults above it, and every environment."""
    for path in layers:
        folder, _, file = path.rpartition("/")
        if file != DEFAULTS or is_path_in(job, folder or "."):
            yield path
