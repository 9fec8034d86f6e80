"""The five kinds of rule of a policy. Each tells where the document of a job fails it. Pure."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Protocol

from chronos_gitops.jobs import globs
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.origins.host_rules import HostRule, canonical_address
from chronos_gitops.jobs.policies import schema_subset
from chronos_gitops.jobs.secrets.masking import masked
from chronos_gitops.jobs.secrets.references import origin_of
from chronos_gitops.jobs.validation.quoting import dotted, short
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.spacing import too_close
from chronos_gitops.schedule.timestamps import rfc3339

if TYPE_CHECKING:
    from jsonschema import Draft7Validator

Path = tuple[str | int, ...]
_MOST_FAILURES: Final = 10
_HEADERS: Final = "webhook.headers."


@dataclass(frozen=True, slots=True)
class Violation:
    """One value of a job that does not hold to a rule: its path in the document, and what is wrong with it."""

    path: Path
    detail: str


@dataclass(frozen=True)
class Subject:
    """A job as ``GET /jobs/{name}`` shows it; ``day`` is that of the head's commit, None where it is not known."""

    job: Job
    day: date | None

    @cached_property
    def document(self) -> Mapping[str, Any]:
        return masked(self.job.document())


class RuleCheck(Protocol):
    def failures(self, subject: Subject) -> Iterator[Violation]:
        """Violations of the rule by the job."""


@dataclass(frozen=True, slots=True)
class RequiredTags:
    """``tags``: each is present and not empty."""

    names: tuple[str, ...]

    def failures(self, subject: Subject) -> Iterator[Violation]:
        tags = dict(subject.job.tags)
        missing = [name for name in self.names if not tags.get(name, "").strip()]
        if missing:
            shown = ", ".join(f"tags.{short(name)}" for name in missing[:_MOST_FAILURES])
            yield Violation(("tags", missing[0]), f"{shown} {'is' if len(missing) == 1 else 'are'} missing")


@dataclass(frozen=True, slots=True)
class MinimumInterval:
    """``min_interval``: no two ticks of the 366 days after the head's commit are nearer."""

    spacing: timedelta

    def failures(self, subject: Subject) -> Iterator[Violation]:
        schedules = subject.job.timing.schedules.schedules
        found = None if subject.day is None else too_close(schedules, self.spacing, subject.day)
        if found is not None:
            gap, least = durations.render(found[1] - found[0]), durations.render(self.spacing)
            runs = " and ".join(rfc3339(tick) for tick in found)
            yield Violation(("schedule",), f"{gap} between the runs at {runs}, and {least} is the least")


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """``hosts``: of the url, and of the token_url. A host that the file does not tell is none of them."""

    rules: tuple[HostRule, ...]

    def failures(self, subject: Subject) -> Iterator[Violation]:
        webhook = subject.job.document()["webhook"]
        urls: list[tuple[Path, Any]] = [(("webhook", "url"), webhook["url"])]
        if (webhook["auth"] or {}).get("type") == "oauth2":
            urls.append((("webhook", "auth", "token_url"), webhook["auth"]["token_url"]))
        for path, url in urls:
            origin = origin_of(url, subject.job.name)
            if origin is None:
                yield Violation(path, f"the host of {dotted(path)} cannot be told from the file")
                continue
            address = canonical_address(origin.host)
            if not any(rule.holds(origin.host, address, origin.port) for rule in self.rules):
                yield Violation(path, f"{short(origin.authority)} is not among the hosts")


@dataclass(frozen=True, slots=True)
class FieldGlobs:
    """``match``: each field is there, and is what one of its globs says."""

    fields: tuple[tuple[str, tuple[str, ...]], ...]

    def failures(self, subject: Subject) -> Iterator[Violation]:
        for field, wanted in self.fields:
            path, value = _field(subject.document, field)
            texts = _texts(value)
            differing = [text for text in texts if not any(globs.matches(glob, text) for glob in wanted)]
            if not texts:
                yield Violation(path, f"{short(field)} is absent")
            elif any(len(text) > globs.LONGEST_TEXT for text in differing):
                yield Violation(path, f"{short(field)} has more than {globs.LONGEST_TEXT:,} characters to match")
            elif differing:
                yield Violation(path, f"{short(field)} does not match {short(' or '.join(wanted))}")


@dataclass(frozen=True)
class SchemaRule:
    """``schema``: a part of JSON Schema draft-07, judged over the whole document."""

    schema: Any

    @cached_property
    def _validator(self) -> "Draft7Validator":
        return schema_subset.validator(self.schema)

    def failures(self, subject: Subject) -> Iterator[Violation]:
        for error in islice(schema_subset.errors(self._validator, subject.document), _MOST_FAILURES):
            wanted = f"{error.keyword} {short(error.bound)}".lstrip()
            yield Violation(error.path, f"{dotted(error.path)} does not satisfy {wanted}")


def _field(document: Mapping[str, Any], field: str) -> tuple[Path, Any]:
    """The value of a dotted field; the last step of ``tags.a.b`` may hold dots, and a header has no case."""
    if field.lower().startswith(_HEADERS):
        name = field[len(_HEADERS) :]
        headers = document["webhook"]["headers"]
        spelled = next((one for one in headers if one.lower() == name.lower()), name)
        return ("webhook", "headers", spelled), headers.get(spelled)
    path: list[str] = []
    value: Any = document
    rest = field
    while rest:
        if not isinstance(value, Mapping):
            return (*path, rest), None
        step, _, after = (rest, "", "") if rest in value else rest.partition(".")
        path.append(step)
        value, rest = value.get(step), after
    return tuple(path), value


def _texts(value: Any) -> list[str]:
    """A value as texts: each of a list, none for what is absent or a map."""
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [] if value is None or isinstance(value, Mapping) else [str(value)]
