"""Job and call to the exact request: variables and secrets filled in, headers, authentication, body. Pure."""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from datetime import datetime
from functools import cached_property, lru_cache, partial
from urllib.parse import quote

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.origins.origin import Origin
from chronos_gitops.jobs.secrets import masking
from chronos_gitops.jobs.templates import templates
from chronos_gitops.jobs.templates.time_variables import NoSuchTime
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.webhooks.credentials import auth
from chronos_gitops.webhooks.credentials.auth import Headers
from chronos_gitops.webhooks.credentials.secrets import SecretError
from chronos_gitops.webhooks.observed import Fingerprints
from chronos_gitops.webhooks.url import RequestError, Target, VariableError

EXECUTION_HEADER = "X-Chronos-Execution-ID"
"""Marks each request of a job, those for its access token included: the API of every runner refuses what carries it."""
CALLBACK_HEADER = "X-Chronos-Callback-URL"
MAX_BODY = 1024 * 1024
"""Bytes of a request's body: a file of 256 KiB full of variables could grow to many times its size."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}\Z", re.ASCII)
_OURS = re.compile(r"x-chronos-.*|idempotency-key|traceparent|accept-encoding", re.IGNORECASE)
HOST_HINT = "write the host, or put the whole address into the secret"
MayUse = Callable[[str, Origin, str], None]
"""Takes the name of a secret, the origin that it is to be sent to, and what is shown in place of that origin when it is
a secret itself; raises where the operator does not let it."""
_SHORTEST_HIDDEN = 4
"""Characters of a literal credential below which hiding it would only garble what is kept."""
_OF_THE_CONNECTION = frozenset(
    # What describes the connection is the client's alone; `Expect` would make it wait for a 100 that may never come.
    ["host", "content-length", "transfer-encoding", "te", "trailer", "connection", "keep-alive", "upgrade", "expect"]
)


@dataclass(frozen=True, slots=True)
class AttemptContext:
    """One attempt of one execution, as the engine asks for it.

    ``attempt`` counts from 1. ``trace_id`` is 32 lower-case hex digits, the same for all attempts; anything else is
    replaced by one made of the execution id. ``path`` is the job's file, which secrets bound to folders ask for.
    ``idempotency_key`` is sent in place of the execution id, for a scheduled time that runs again.
    ``signature`` proves who may post the outcome of an execution that awaits its callback. ``version``, ``trigger`` and
    ``variables``, the names that a trigger set, stand in identity tokens.
    ``fingerprints`` are made of the secrets that it uses.
    ``begins`` is called when it has its slot, for each attempt at it.
    ``may_send`` has the last word when the connection is open and nothing was written: slots, names and connections
    may take long, and meanwhile the execution may have become another runner's. ``confirm`` is asked just before it,
    where the answer takes a question to a server.
    """

    execution_id: str
    scheduled_time: datetime
    attempt: int
    commit: str | None
    trace_id: str = ""
    path: str | None = None
    signature: str = field(default="", repr=False)
    version: int | None = None
    trigger: str | None = None
    variables: tuple[str, ...] = ()
    fingerprints: Fingerprints = field(default_factory=Fingerprints, repr=False, compare=False)
    idempotency_key: str = ""
    begins: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)
    may_send: Callable[[], bool] = field(default=lambda: True, repr=False, compare=False)
    confirm: Callable[[], Awaitable[bool]] | None = field(default=None, repr=False, compare=False)

    @property
    def key(self) -> str:
        """By which a target recognizes work that it has done already."""
        return self.idempotency_key or self.execution_id


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A request, byte for byte as it is sent. ``secrets`` maps values to the labels shown in their place; ``place`` is
    the reference that makes up the whole url, empty when the url may be shown."""

    method: str
    target: Target
    headers: Headers = field(repr=False)
    body: bytes | None = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)
    place: str = ""


def render(
    job: Job,
    call: AttemptContext,
    *,
    secret: Callable[[str], str],
    user_agent: str,
    now: datetime,
    may_use: MayUse = lambda name, origin, shown: None,  # noqa: ARG005 - everything is allowed
    access_token: str = "",
    public_url: str = "",
) -> PreparedRequest:
    """The request of this call. ``secret`` gives the value of a secret's name, and ``may_use`` refuses its use before
    that, as soon as the origin is known; ``now`` is signed (Standard Webhooks), ``access_token`` is what an oauth2 job
    got or the identity token, ``public_url`` is where callbacks reach this runner. Raises RequestError, and what
    ``secret`` and ``may_use`` raise."""
    try:
        job = job.at(call.scheduled_time)
    except NoSuchTime as error:
        raise VariableError(str(error), hint="see variables in the job's file") from None
    fill = _Fill(partial(variables, job, call), secret)
    webhook = job.webhook
    place = webhook.url if _is_secret(webhook.url) else ""
    target = _plain_target(webhook.url) if templates.is_plain(webhook.url) else Target.parse(fill.url(webhook.url))
    fill.judge_by(lambda name: may_use(name, target.origin, place))
    address = _sensitive_address(target) if place else ()
    custom = tuple((name, fill.text(value)) for name, value in webhook.headers)
    body = None if webhook.body is None else fill.text(webhook.body).encode()
    if len(body or b"") > MAX_BODY:
        raise RequestError(f"the body is larger than {MAX_BODY // 1024} KiB after substitution")
    proof = auth.Credentials()
    if webhook.auth is not None:
        given = {name: fill.secrets_only(text) for name, text in auth.texts(webhook.auth).items()}
        proof = auth.credentials(
            webhook.auth, given, message_id=call.key, body=body or b"", now=now, access_token=access_token
        )
    ours = (*identity(job, call), *_capability(job, call, public_url))
    headers = _merged(proof.headers, custom, _defaults(user_agent, body), ours)
    _refuse_invalid(headers)
    hidden = (*proof.sensitive, *address, call.signature)
    labels = {value: masking.MASK for value in hidden if len(value) >= _SHORTEST_HIDDEN}
    return PreparedRequest(webhook.method, target, headers, body, labels | fill.labels, place)


@lru_cache(maxsize=10_000)  # 20 to 40 µs each, and never one with a secret in it
def _plain_target(url: str) -> Target:
    return Target.parse(url)


def identity(job: Job, call: AttemptContext) -> Headers:
    """Headers that identify the execution (CONTRACT 5); the commit only if the job has one."""
    commit = (("X-Chronos-Commit", call.commit),) if call.commit else ()
    return (
        ("X-Chronos-Job-ID", job.id),
        ("X-Chronos-Job-Name", job.name),
        (EXECUTION_HEADER, call.execution_id),
        ("X-Chronos-Scheduled-Time", rfc3339(call.scheduled_time)),
        ("X-Chronos-Attempt", str(call.attempt)),
        *commit,
        ("Idempotency-Key", call.key),
        ("traceparent", traceparent(call)),
    )


def callback_path(execution_id: str) -> str:
    """Where the API takes the callback of an execution."""
    return f"/api/v1/executions/{execution_id}/callback"


def _capability(job: Job, call: AttemptContext, public_url: str) -> Headers:
    """The address that a target which has accepted the work posts its outcome to: whoever has it may do so."""
    if not job.awaits_callback:
        return ()
    if not public_url:
        raise RequestError(
            "the runner does not know under which address a callback reaches it", hint="set public_url in chronos.toml"
        )
    return ((CALLBACK_HEADER, f"{public_url}{callback_path(call.execution_id)}?signature={call.signature}"),)


def traceparent(call: AttemptContext) -> str:
    """https://www.w3.org/TR/trace-context/: one trace per execution, one parent id per attempt, sampled."""
    trace_id = call.trace_id if _TRACE_ID.match(call.trace_id) else trace_id_of(call.execution_id)
    return f"00-{trace_id}-{span_id_of(call.execution_id, call.attempt)}-01"


def trace_id_of(execution_id: str) -> str:
    """Of all attempts of one execution."""
    return _hex_id(execution_id, 32)


def span_id_of(execution_id: str, attempt: int = 0) -> str:
    """Of one attempt, which is the parent of the target's spans; with 0, of the execution."""
    return _hex_id(f"{execution_id}#{attempt}", 16)


def variables(job: Job, call: AttemptContext) -> Mapping[str, str]:
    """The template variables (CONTRACT 1)."""
    return {
        "JobID": job.id,
        "JobName": job.name,
        "ExecutionID": call.execution_id,
        "ScheduledTime": rfc3339(call.scheduled_time),
        "Attempt": str(call.attempt),
    }


@dataclass(frozen=True, slots=True)
class MaskedRequest:
    """The request as it may be shown: secrets as references, literal credentials as ``***``."""

    method: str
    url: str
    headers: Headers
    body: str | None


def masked(job: Job, call: AttemptContext, *, user_agent: str) -> MaskedRequest:
    """The same request without a single credential in it; needs no secret to be set. A time without a value stays."""
    with suppress(NoSuchTime):
        job = job.at(call.scheduled_time)
    fill = _Fill(partial(variables, job, call), lambda name: f"${{secret:{name}}}")
    shown = masking.masked(job.document())["webhook"]
    custom = tuple((name, fill.text(value)) for name, value in shown["headers"].items())
    body = None if shown["body"] is None else fill.text(shown["body"])
    proof = () if job.webhook.auth is None else auth.shown_headers(job.webhook.auth, call.key, shown["auth"])
    defaults = _defaults(user_agent, None if body is None else body.encode())
    ours = (*identity(job, call), *(((CALLBACK_HEADER, masking.MASK),) if job.awaits_callback else ()))
    return MaskedRequest(job.webhook.method, fill.text(shown["url"]), _merged(proof, custom, defaults, ours), body)


@dataclass(frozen=True, slots=True)
class ResolvedSecrets:
    texts: tuple[str, ...] = field(repr=False)
    labels: Mapping[str, str] = field(repr=False)


def fill_secrets(texts: Sequence[str], secret: Callable[[str], str]) -> ResolvedSecrets:
    """Texts with their references to secrets filled in, and what may be shown in place of the values."""
    fill = _Fill(dict, secret)
    return ResolvedSecrets(tuple(fill.secrets_only(text) for text in texts), fill.labels)


class _Fill:
    """Fills placeholders in and remembers which secrets it met."""

    def __init__(self, variables: Callable[[], Mapping[str, str]], secret: Callable[[str], str]) -> None:
        self._given = variables
        self._secret = secret
        self.labels: dict[str, str] = {}
        self._names: set[str] = set()
        self._judge: Callable[[str], None] = lambda name: None  # noqa: ARG005 - nothing is known to judge by

    def judge_by(self, judge: Callable[[str], None]) -> None:
        """Judges every secret that was filled in, and from now on each one before its value is looked up."""
        self._judge = judge
        for name in sorted(self._names):
            judge(name)

    @cached_property
    def _variables(self) -> Mapping[str, str]:
        return self._given()

    def text(self, text: str) -> str:
        return templates.substitute(text, variable=lambda name: self._variables[name], secret=self._look_up)

    def url(self, text: str) -> str:
        """Each value percent-encoded, so that it cannot leave its place; a URL that is one secret (an address that is
        itself the credential, as chat services give out) takes it as it is."""
        if templates.has_secret_in_host(text):
            raise SecretError("webhook.url has a secret in its host part", hint=HOST_HINT)
        if _is_secret(text):
            return self.secrets_only(text)
        return templates.substitute(
            text,
            variable=lambda name: _quoted(self._variables[name]),
            secret=lambda name: _quoted(self._look_up(name)),
        )

    def secrets_only(self, text: str) -> str:
        return templates.substitute(text, variable=lambda name: f"{{{{.{name}}}}}", secret=self._look_up)

    def _look_up(self, name: str) -> str:
        self._judge(name)
        value = self._secret(name)
        self._names.add(name)
        self.labels[value] = f"${{secret:{name}}}"
        return value


def _defaults(user_agent: str, body: bytes | None) -> Headers:
    content_type = () if body is None else (("Content-Type", _content_type(body)),)
    return (("User-Agent", user_agent), ("Accept", "*/*"), *content_type)


def _content_type(body: bytes) -> str:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return "text/plain; charset=utf-8"
    return "application/json"


_IDENTITY = ("Accept-Encoding", "identity")


def _merged(proof: Headers, custom: Headers, defaults: Headers, ours: Headers) -> Headers:
    """Ours and the proof of identity stand; the file's own come next, the defaults last."""
    if not proof and not custom:
        return (*defaults, *ours, _IDENTITY)
    for name, _ in proof:
        if is_reserved(name):
            raise RequestError(f"webhook.auth cannot set the header {name}", hint="chronos-gitops sets it itself")
    proven = {name.lower() for name, _ in proof}
    kept = tuple((name, value) for name, value in custom if name.lower() not in proven and not is_reserved(name))
    named = {name.lower() for name, _ in kept} | proven
    used = tuple((name, value) for name, value in defaults if name.lower() not in named)
    return (*used, *kept, *proof, *ours, _IDENTITY)


@lru_cache(maxsize=1000)
def is_reserved(name: str) -> bool:
    return name.lower() in _OF_THE_CONNECTION or bool(_OURS.fullmatch(name))


def _refuse_invalid(headers: Headers) -> None:
    for name, _ in headers:
        if not _is_token(name):
            raise RequestError("the name of a header is not valid", hint="see webhook.headers and webhook.auth.header")
    if _CONTROL.search("".join([value for _, value in headers])):
        name = next(name for name, value in headers if _CONTROL.search(value))
        raise RequestError(f"the header {name} holds a control character after substitution")


@lru_cache(maxsize=1000)
def _is_token(name: str) -> bool:
    return bool(_TOKEN.match(name))


def _sensitive_address(target: Target) -> tuple[str, ...]:
    """Parts of an address that a receiver may echo and that are credentials themselves."""
    path = target.url.split("/", 3)[3]
    return (f"/{path}", path.partition("?")[0])


def _is_secret(url: str) -> bool:
    return templates.reference_in(url) is not None


def _hex_id(text: str, digits: int) -> str:
    found = hashlib.sha256(text.encode()).hexdigest()[:digits]
    return found if int(found, 16) else "1".zfill(digits)  # W3C forbids all zeros


def _quoted(value: str) -> str:
    return quote(value, safe="")
