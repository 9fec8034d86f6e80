"""``requires``: the job that a gate names (PROMISES section 9)."""

from collections.abc import Iterator

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.document import Document, SourceSpan
from chronos_gitops.process.lazy_dataclass import dataclass

_FIELD = ("requires", "job")


@dataclass(frozen=True, slots=True)
class NamedGate:
    """The job that a gate names, and where; ``environments`` are those in which it does, None where none are
    declared."""

    job: str
    at: SourceSpan
    environments: tuple[str, ...] | None = None


def check(source: Document) -> Iterator[Problem]:
    named = source.text(*_FIELD)
    if named is not None and named == source.text("name"):
        hint = "name the job whose success it waits for, or remove requires"
        yield source.spot(_FIELD).problem("requires-self", "the job requires itself", hint)


def named_gate(source: Document) -> NamedGate | None:
    """None where it has no gate, or names itself, which is a finding of its own."""
    named = source.text(*_FIELD)
    if named is None or named == source.text("name"):
        return None
    return NamedGate(named, source.spot(_FIELD))
