"""Policies: rules over the effective jobs of a tree. A policy never changes a job, and never stops one that runs."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import date
from typing import TYPE_CHECKING, Final

from chronos_gitops.jobs.layers.file_roles import FilePlace
from chronos_gitops.jobs.problem import Problem, Severity, ordered
from chronos_gitops.jobs.validation.document import Document, SourceSpan
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.selection import Selection

if TYPE_CHECKING:  # a tree without policies is validated without what they need
    from chronos_gitops.jobs.policies.rules import RuleCheck, Subject

RULE: Final = "policy"
MOST_POLICIES: Final = 100
MOST_RULES: Final = 2_000
MOST_SCHEMA_VALUES: Final = 10_000
"""Of all policies of a tree together."""


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """``spot`` is where its id is written; ``except_jobs`` are names of jobs, and where each is written."""

    id: str
    check: "RuleCheck"
    spot: SourceSpan
    severity: Severity = Severity.ERROR
    message: str = ""
    except_jobs: Mapping[str, SourceSpan] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """The content of one readable ``_policies/<name>.yaml``. ``looks_ahead``: the day decides what it says.
    ``schema_values`` is the number of values in the schemas of its rules."""

    name: str
    select: Selection
    rules: tuple[PolicyRule, ...]
    looks_ahead: bool = False
    schema_values: int = 0

    def rules_for(self, job: str) -> Iterator[PolicyRule]:
        return (rule for rule in self.rules if job not in rule.except_jobs)


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """One file of the tree. ``policy`` is what is in force: of a file that cannot be read (``errors`` say why) its last
    readable content, whose blob is ``blob``; None where there is none. ``problems`` stop nothing."""

    path: str
    place: FilePlace
    blob: str
    spot: SourceSpan
    policy: Policy | None
    errors: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()


class Policies:
    """All policies of one tree. ``day`` is that of the commit at its head, in UTC; ``from_root`` makes a path of a file
    one from the root of the repository, where paths are written otherwise."""

    def __init__(
        self, files: Sequence[PolicyFile] = (), day: date | None = None, from_root: Callable[[str], str] = str
    ) -> None:
        self.files: Sequence[PolicyFile] = tuple(files)
        self.day = day
        self._from_root = from_root
        self._above: dict[str, tuple[PolicyFile, ...]] = {}
        self._fingerprints: dict[str, str] = {}

    @property
    def unreadable(self) -> tuple[PolicyFile, ...]:
        return tuple(file for file in self.files if file.errors)

    def on(self, day: date | None, from_root: Callable[[str], str] = str) -> "Policies":
        """The same, looking ahead from this day."""
        return Policies(self.files, day, from_root)

    def over(self, path: str) -> tuple[PolicyFile, ...]:
        """Those that may choose the job at this path."""
        folder = path.rpartition("/")[0]
        known = self._above.get(folder)
        if known is None:
            known = self._above[folder] = tuple(one for one in self.files if self._may_choose(one, path))
        return known

    def _may_choose(self, file: PolicyFile, path: str) -> bool:
        return file.policy is not None and file.policy.select.may_choose(self._from_root(path))

    def chooses_any(self, file: PolicyFile, paths: Iterable[str]) -> bool:
        """True if its folder holds one of them."""
        return any(self._may_choose(file, path) for path in paths)

    def fingerprint(self, path: str) -> str:
        """The same where the same policies judge the job at this path on the same day; "" where none does."""
        folder = path.rpartition("/")[0]
        known = self._fingerprints.get(folder)
        if known is None:
            over = self.over(path)
            days = {self.day for one in over if one.policy is not None and one.policy.looks_ahead}
            said = [(one.path, one.blob) for one in over], [str(day) for day in days]
            known = self._fingerprints[folder] = hashlib.sha256(repr(said).encode()).hexdigest() if over else ""
        return known

    def chosen_by(self, subject: "Subject", path: str, environment: str | None) -> tuple[Policy, ...]:
        job, tags = subject.job, dict(subject.job.tags)
        policies = (one.policy for one in self.over(path) if one.policy is not None)
        return tuple(
            policy for policy in policies if policy.select.chooses(job.name, self._from_root(path), tags, environment)
        )


NO_POLICIES: Final = Policies()


def judge(policies: Sequence[Policy], subject: "Subject", document: Document) -> tuple[Problem, ...]:
    """Violations of the policies, each at the place where the value is written."""
    found = (
        _problem(policy, rule, failure.path, failure.detail, document)
        for policy in policies
        for rule in policy.rules_for(subject.job.name)
        for failure in rule.check.failures(subject)
    )
    return ordered(dict.fromkeys(found))


def _problem(policy: Policy, rule: PolicyRule, path: tuple[str | int, ...], detail: str, document: Document) -> Problem:
    """A value that the job does not have is missing at its name."""
    spot = document.spot(path if path and document.get(*path) is not None else ("name",))
    written = f"{rule.spot.file}:{rule.spot.line}"
    hint = f"{detail}; see {written}" if rule.message else f"see {written}"
    problem = spot.problem(RULE, rule.message or detail, hint)
    return replace(problem, severity=rule.severity, policy=f"{policy.name}/{rule.id}")
