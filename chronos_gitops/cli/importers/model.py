"""The result of reading another scheduler's file: jobs as documents, and entries that cannot become one."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from chronos_gitops.errors import ChronosError
from chronos_gitops.process.lazy_dataclass import dataclass

_NO_LIMIT: Final = "jobs without a timeout end each attempt after 5m, where the calls that they replace had no limit"


class NotReadable(ChronosError):
    """The file is not what its kind says."""

    kind = "not-readable"


class Unconvertible(Exception):
    """Why one entry cannot become a webhook; ``str()`` is the reason."""


@dataclass(frozen=True, slots=True)
class ImportedJob:
    """One job: ``place`` in the source ("line 3"), a wish for its name, its fields, and what did not carry over."""

    place: str
    name: str
    document: dict[str, Any]
    lost: tuple[str, ...] = ()

    @classmethod
    def of(cls, place: str, name: str, fields: Mapping[str, Any], lost: Iterable[str]) -> "ImportedJob":
        """Without the fields that are None: the source does not have them."""
        return cls(place, name, {key: value for key, value in fields.items() if value is not None}, tuple(lost))


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """One entry that is no job: its place, what stands there, and why not."""

    place: str
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Everything of one source, in its order; ``notes`` are about the source as a whole."""

    entries: tuple[ImportedJob | RefusedEntry, ...]
    notes: tuple[str, ...] = ()


def reading(
    entries: Iterable[ImportedJob | RefusedEntry], notes: Iterable[str] = (), *, has_limits: bool = True
) -> ImportResult:
    """``has_limits`` is False for sources whose requests last as long as they need."""
    found = tuple(entries)
    unlimited = [one for one in found if isinstance(one, ImportedJob) and one.document.get("timeout") is None]
    limits = [_NO_LIMIT] if unlimited and not has_limits else []
    return ImportResult(found, tuple(dict.fromkeys((*notes, *limits))))
