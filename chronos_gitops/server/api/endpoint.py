"""The declaration of an endpoint, at its handler: the one place that says what it takes, answers, needs and records.

A route is declared where it is routed, and every limit is enforced before the handler runs::

    @blueprint.post(
        "/<name>/pause",
        declared=Endpoint(
            ApiOperation("pauseJob", "jobs", "Pause it", "Survives restarts.", {200: answer("The job", ref("Job"))}),
            role=OPERATE,
            is_scoped=True,
            audit=Audited(AuditAction.PAUSE, EventKind.JOB_PAUSED, target="until"),
            parameters=(job_lookup.NAME,),
            body=JsonBody("PauseRequest"),
        ),
    )
    def pause(name: str) -> dict[str, Any]:
        given = body.fields()

Guard (auth.roles), tag scope, readiness, budgets, query parameters, bodies, audit log and the OpenAPI document read it
from the rule of the request. Shapes of bodies and answers are named in openapi.schemas; query parameters are made by
params.query, read with ``value()``. A page has no ApiOperation. A route without a declaration is an error at start.
A new module of routes also stands in ``app.SUBJECTS``; its order is the order of the document.
After a change run ``make docs``, which writes docs/reference/openapi.json.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from datetime import date, timedelta
from typing import Any, Final, Literal

from flask import request
from werkzeug.routing import Map, Rule

from chronos_gitops.config.model import NARROW_ROLES, ROLES
from chronos_gitops.observability.audit_log import AuditAction
from chronos_gitops.observability.event_log import EventKind
from chronos_gitops.plurals import plural
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.server.api.form_notice import FormNotice
from chronos_gitops.server.api.openapi.shapes import TEXT, Schema

READ, OPERATE, ROLLBACK = ROLES
METRICS, FEED, SYNC = NARROW_ROLES
NOTICE_PERIOD: Final = timedelta(days=182)
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
CHAPTERS: Final[Mapping[str, str]] = {
    "jobs": "The running jobs, and operations on them. Files are changed in git, never here.",
    "versions": "Every version of a job is a commit; going back is a commit too.",
    "executions": "One record for each scheduled time and each manual trigger.",
    "git": "State of following the repository.",
    "questions": "Validates the text of a job file without running it.",
    "records": "Requests of callers, and changes.",
    "callers": "Callers, and the logins of browsers.",
    "runner": "Probes, numbers and this description.",
}
Answer = Mapping[str, Any]


class UndeclaredRoute(TypeError):
    """A route has no declaration, or its declaration names other path parameters than its path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """The announcement that an endpoint or a parameter goes; responses and the document carry it.

    ``since`` is the day of the announcement, ``sunset`` the earliest day of the removal, ValueError for one too near.
    ``instead`` names the replacement, as a sentence.
    """

    since: date
    sunset: date
    instead: str

    def __post_init__(self) -> None:
        if self.sunset - self.since < NOTICE_PERIOD:
            raise ValueError(
                f"a deprecation is announced {plural(NOTICE_PERIOD.days, 'day')} before the removal, or earlier"
            )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Parameter:
    """``more`` are further members of its object in the document."""

    name: str
    place: Literal["path", "query", "header"]
    schema: Schema
    description: str
    more: Mapping[str, Any] = field(default_factory=dict)
    has_example: bool = True
    """False where only this API can make a value."""
    deprecation: Deprecation | None = None

    def document(self) -> dict[str, Any]:
        required = {"required": True} if self.place == "path" else {}
        about = {"schema": self.schema, "description": announced(self.description, self.deprecation)}
        flag = {"deprecated": True} if self.deprecation else {}
        return {"name": self.name, "in": self.place, **required, **about, **flag, **self.more}


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A JSON object, or a form of the page; ``shape`` is its schema, by which it is checked.

    Text is at most ``longest`` characters without control characters, except in the fields of ``free``.
    """

    shape: str
    free: tuple[str, ...] = ()
    longest: int = 2000


@dataclass(frozen=True, slots=True)
class RawBody:
    """A body that the handler reads for itself."""

    media: str
    schema: Schema = field(default_factory=lambda: TEXT)
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class ApiOperation:
    """The endpoint in the document; ``errors`` are problems beside those that every endpoint may answer."""

    id: str
    chapter: str
    summary: str
    text: str
    answers: Mapping[int, Answer]
    errors: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Audited:
    """The call is recorded in the audit log and as an event; dry runs change nothing and are not.

    Logins are no events. ``target`` is the field of the body, or of the path, that says what the action was about.
    ``answers`` is the field of the event that names the response: an execution or a replay.
    """

    action: AuditAction
    event: EventKind | None
    target: str | None = None
    makes_commit: bool = False
    answers: Literal["execution", "replay"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One route with one method. Without a role it is open to everyone, or, signed, to the one who can sign."""

    operation: ApiOperation | None = field(default=None, kw_only=False)
    role: str | None
    is_signed: bool = False
    """Proven by a signature. Its sender has no token, and may name the runner as its own network does."""
    is_for_jobs: bool = False
    """True if jobs may call the endpoint; all others refuse a runner's own jobs."""
    is_scoped: bool = False
    """It answers within the grants of a caller. Any other endpoint refuses a caller that sees only some jobs."""
    narrow_role: str | None = None
    """Lets a caller in here and nowhere else, beside ``role``."""
    takes_token_in_address: bool = False
    """A token with ``narrow_role`` alone may also come as the query parameter ``token``."""
    is_heavy: bool = False
    """Its work grows with a file's content, so only a few are answered at a time."""
    is_early: bool = False
    """It answers before the first jobs are loaded, although it needs a role."""
    is_probe: bool = False
    """It never waits for other reads, and answers under every name: a prober asks the address of a pod."""
    is_scraped: bool = False
    """Where a caller has to prove itself, it answers under every name, too."""
    deprecation: Deprecation | None = None
    audit: Audited | None = None
    parameters: tuple[Parameter, ...] = ()
    is_sent_back: bool = False
    """Another program writes the query, and may add to it: parameters that are not declared are left alone."""
    body: JsonBody | RawBody | None = None
    """None takes no fields."""
    notice: Callable[[Mapping[str, Any]], FormNotice] | None = None
    """The sentence on the next page after a form of a page was sent here, made of the answer's JSON."""


class DeclaredRule(Rule):
    """A rule of the URL map with its declaration; UndeclaredRoute without one."""

    def __init__(self, string: str, *, declared: Endpoint | None = None, **options: Any) -> None:
        super().__init__(string, **options)
        if declared is None:
            raise UndeclaredRoute(f'the route "{string}" has no declaration; see server/api/endpoint.py')
        in_path = re.findall(r"<(?:[^:<>]+:)?(\w+)>", string)
        if declared.operation and in_path != [one.name for one in declared.parameters if one.place == "path"]:
            raise UndeclaredRoute(f'the route "{string}" does not declare exactly the parameters of its path')
        self.declared = declared


def current() -> Endpoint | None:
    """The declaration of the request's endpoint; None where no route matches."""
    return request.url_rule.declared if isinstance(request.url_rule, DeclaredRule) else None


def declared(urls: Map) -> Iterable[DeclaredRule]:
    """Every rule, in the order in which the routes were registered."""
    return (rule for rule in urls.iter_rules() if isinstance(rule, DeclaredRule))


def probes(urls: Map) -> frozenset[str]:
    return frozenset(rule.rule for rule in declared(urls) if rule.declared.is_probe)


def announced(text: str, deprecation: Deprecation | None) -> str:
    """The description, with what the document says of a deprecation."""
    if deprecation is None:
        return text
    return f"{text.rstrip('.')}. Deprecated, removed on {deprecation.sunset} or later: {deprecation.instead}"


def answer(description: str, schema: Schema, *texts: str, media: str = JSON) -> Answer:
    """``texts`` are further media types, of plain text."""
    content = {media: {"schema": schema}} | {other: {"schema": TEXT} for other in texts}
    return {"description": description, "content": content}


def path(name: str, description: str, schema: Schema = TEXT) -> Parameter:
    return Parameter(name=name, place="path", schema=schema, description=description)


def header(name: str, description: str, schema: Schema = TEXT) -> Parameter:
    return Parameter(name=name, place="header", schema=schema, description=description)
