"""Jobs that a change makes invalid: an edit of their own file, a layer, a calendar or a policy does it. Pure."""

from collections.abc import Iterator

from chronos_gitops.jobs.problem import Problem, is_error
from chronos_gitops.jobs.validation.file_result import FileResult
from chronos_gitops.jobs.validation.validate import TreeResult
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class InvalidJob:
    """A job that becomes invalid, and the first of its errors. ``is_edited``: its own file changes, or is new."""

    job: str
    error: Problem
    is_edited: bool = False


@dataclass(frozen=True, slots=True)
class PolicyRefusal:
    """All jobs that a rule (``payments/owner``) refuses after the change; ``new`` are those that become invalid."""

    policy: str
    jobs: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusals:
    """By name of the job, and by policy."""

    invalid: tuple[InvalidJob, ...] = ()
    policies: tuple[PolicyRefusal, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.job for one in self.invalid)


def refusals(before: TreeResult, after: TreeResult) -> Refusals:
    """Files that a runner refuses after the change, and accepted before it or did not have."""
    known = {parsed.path: parsed for parsed in before.files}
    invalid: list[InvalidJob] = []
    refused: dict[str, list[str]] = {}
    for parsed in after.files:
        errors = list(filter(is_error, parsed.problems))
        if not errors:
            continue
        for policy in dict.fromkeys(one.policy for one in errors if one.policy):
            refused.setdefault(policy, []).append(_label(parsed))
        was = known.get(parsed.path)
        if _becomes_invalid(parsed, was, before):
            is_edited = was is None or was.identity.blob != parsed.identity.blob
            invalid.append(InvalidJob(_label(parsed), errors[0], is_edited))
    invalid.sort(key=lambda one: one.job)
    return Refusals(tuple(invalid), tuple(_by_policy(refused, {one.job for one in invalid})))


def _by_policy(refused: dict[str, list[str]], invalid: set[str]) -> Iterator[PolicyRefusal]:
    for policy, jobs in sorted(refused.items()):
        yield PolicyRefusal(policy, tuple(sorted(jobs)), tuple(sorted(invalid.intersection(jobs))))


def _label(parsed: FileResult) -> str:
    return parsed.name or parsed.path


def _becomes_invalid(parsed: FileResult, was: FileResult | None, before: TreeResult) -> bool:
    if was is not None:
        return not any(map(is_error, was.problems))
    return parsed.name is None or not _is_invalid(parsed.name, before)


def _is_invalid(name: str, before: TreeResult) -> bool:
    """Of a file that moved: whether it was invalid at its former place."""
    return name not in before.jobs and any(one.name == name for one in before.files)
