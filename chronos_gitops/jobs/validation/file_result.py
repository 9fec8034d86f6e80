"""The result of validating one file."""

from typing import TYPE_CHECKING, Final

from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.layers.removals import Place
from chronos_gitops.jobs.problem import Problem, counts_in, is_error
from chronos_gitops.jobs.validation.document import SourceSpan
from chronos_gitops.jobs.validation.files import FileKind
from chronos_gitops.jobs.validation.rules.gates import NamedGate
from chronos_gitops.process.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from chronos_gitops.jobs.model import Job

UNREADABLE: Final = "unreadable"
NO_NAMES: Final = frozenset[str]()
"""One for all files: an empty set takes 216 bytes."""


@dataclass(frozen=True, slots=True)
class FileResult:
    """One file, judged on its own.

    ``name`` is the identity even when the file is invalid otherwise, None when it cannot be read; ``job`` is None when
    any problem is an error where it runs. ``named_at`` is where the name stands, ``layers`` the key of the layers and
    policies that it was judged with, ``policies`` the names of those that choose it.
    """

    path: str
    identity: DefinitionId
    name: str | None
    job: "Job | None"
    problems: tuple[Problem, ...]
    named_at: SourceSpan
    layers: str = ""
    policies: tuple[str, ...] = ()
    calendars: tuple[str, ...] = ()
    """Names in ``skip``, in any environment."""
    unknown_calendars: frozenset[str] = NO_NAMES
    """Those of them that had no file when it was judged."""
    gates: tuple[NamedGate, ...] = ()
    """The jobs that it requires, each with its environments."""
    removed: tuple[Place, ...] = ()
    """The nulls of layers for environments that remove something of it."""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Why there is no job: errors of other environments stop nothing here."""
        here = self.identity.environment
        return tuple(one for one in self.problems if is_error(one) and counts_in(one, here))

    @property
    def was_read(self) -> bool:
        """False for a file that vanished between the listing and the reading, and may be there the next time."""
        return not self.problems or self.problems[0].rule != UNREADABLE

    @property
    def hides_its_name(self) -> bool:
        """True for a file whose name cannot be read; a link and a submodule are no files."""
        return self.name is None and not (
            self.problems and self.problems[0].rule in (FileKind.SYMLINK, FileKind.SUBMODULE)
        )
