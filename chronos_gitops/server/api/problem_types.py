"""Every type of problem this API answers with: its kind, status, title, and what a reader can do about it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProblemType:
    """``kind`` is the last part of the type URI, ``/problems/<kind>``, which is a page too (RFC 9457, 3.1.1)."""

    kind: str
    status: int
    title: str
    remedy: str

    @property
    def uri(self) -> str:
        return f"/problems/{self.kind}"


KINDS: tuple[ProblemType, ...] = (
    ProblemType(
        "bad-request",
        400,
        "The request cannot be read",
        "Compare it with the example of the same call in /api/v1/openapi.json.",
    ),
    ProblemType(
        "usage",
        400,
        "The question cannot mean anything",
        "The detail names the value at fault; correct it and send the request again.",
    ),
    ProblemType(
        "unknown-parameter",
        400,
        "There is no such query parameter",
        "A misspelt filter would answer everything, so it is refused. Tags are asked for as tag.<key>=<value>.",
    ),
    ProblemType(
        "invalid-parameter",
        400,
        "A query parameter has a value it cannot have",
        "The detail says which values it takes.",
    ),
    ProblemType(
        "cursor-mismatch",
        400,
        "The cursor does not belong to this list",
        "A cursor goes with the filters of the page it came from. Follow `next` as it is, or start without cursor.",
    ),
    ProblemType(
        "invalid-body",
        400,
        "The body is not what this call takes",
        "Send one JSON object with the fields the detail names.",
    ),
    ProblemType(
        "unauthorized",
        401,
        "A token is needed",
        "Send `Authorization: Bearer <token>` with a token that the operator has put into the runner's settings.",
    ),
    ProblemType(
        "approval-by-commit",
        403,
        "A commit approves this, not an operator",
        "Commit with the trailer Chronos-Allow-Deletes, and the number of jobs that the commit deletes and disables.",
    ),
    ProblemType(
        "login-refused",
        403,
        "The login did not work",
        "Begin it again at /login, in the same browser and with cookies allowed.",
    ),
    ProblemType(
        "token-expired",
        401,
        "The token has expired",
        "Ask the issuer for a new one; a minute of difference between clocks is allowed.",
    ),
    ProblemType(
        "bad-signature",
        401,
        "The hook's signature is missing or wrong",
        "Give the forge the secret that stands in the runner's settings (hooks.github_secrets and the like); "
        "the runner's clock must be right within five minutes.",
    ),
    ProblemType(
        "forbidden",
        403,
        "The token may not do this",
        "Ask the operator for a token with the role that the detail names: read, operate or rollback.",
    ),
    ProblemType(
        "outside-folders",
        403,
        "The call would change what is outside of the caller's folders",
        "Ask a caller whose folders hold all of it, or one without folders.",
    ),
    ProblemType(
        "commit-outside-folders",
        500,
        "The commit would have changed files outside of the caller's folders",
        "Nothing was committed. Please report it, with the request id.",
    ),
    ProblemType(
        "job-request",
        403,
        "A job may not call a runner",
        "A request with X-Chronos-Execution-ID comes from a job. To let one job trigger another on purpose, give it a "
        "token of this runner in a secret that is bound to the runner's origin.",
    ),
    ProblemType(
        "foreign-origin",
        403,
        "The request comes from another site's page",
        "A runner without tokens, and a browser's session, write only from the runner's own page. Programs send no "
        "Origin, and a token in the Authorization header.",
    ),
    ProblemType(
        "not-found",
        404,
        "There is no such thing here",
        "GET /api/v1/jobs lists the jobs; /api/v1/openapi.json lists the calls.",
    ),
    ProblemType(
        "no-draft",
        404,
        "The job is no draft",
        "GET /api/v1/jobs/{name} has `draft: true` while a file of the job differs from HEAD.",
    ),
    ProblemType(
        "callback-unknown",
        404,
        "There is no such callback",
        "Post to the whole URL that the request had in its header X-Chronos-Callback-URL, signature included; it is "
        "good for that one execution.",
    ),
    ProblemType(
        "method-not-allowed",
        405,
        "This address does not take that method",
        "The Allow header lists the methods it takes.",
    ),
    ProblemType(
        "conflict",
        409,
        "The state of things does not allow it now",
        "The detail says what stands in the way. Look again, then repeat the call.",
    ),
    ProblemType(
        "preflight-under-way",
        409,
        "A preflight is under way",
        "One preflight runs at a time, for a minute at most. Ask again when it has ended.",
    ),
    ProblemType(
        "replay-under-way",
        409,
        "The job is being replayed",
        "One replay of a job runs at a time. GET /api/v1/replays/{id} shows it; cancel it, or wait for its end.",
    ),
    ProblemType(
        "callback-late",
        409,
        "The execution has ended, and not as this callback says",
        "Its deadline had passed, it was cancelled or replaced, or another callback was first: GET the execution "
        "to see. What the target did is not undone; posting again changes nothing.",
    ),
    ProblemType(
        "callback-unexpected",
        409,
        "The execution awaits no callback",
        "Its job was done when it was answered: webhook.completion is response there.",
    ),
    ProblemType(
        "push-refused",
        409,
        "The server refused the commit",
        "Give the runner's account the right to push to the branch, or to chronos/rollback/... for review.",
    ),
    ProblemType(
        "stale-version",
        412,
        "The job changed since you looked",
        "GET the job again, look at the diff, and repeat the call with its new ETag.",
    ),
    ProblemType("body-too-large", 413, "The body is too large", "This API reads at most 1 MiB of a body."),
    ProblemType(
        "unsupported-media", 415, "The body has another format", "Set the hook's content type to application/json."
    ),
    ProblemType(
        "foreign-host",
        421,
        "The Host header names another machine",
        "A runner without tokens answers only to localhost, loopback addresses (against DNS rebinding) and the names "
        "in `hosts` of chronos.toml. Add the name there, or configure tokens.",
    ),
    ProblemType(
        "idempotency-key-reused",
        422,
        "The Idempotency-Key was used for another call",
        "Use a new key for a new call; repeat a call with the key it had.",
    ),
    ProblemType(
        "too-many-items",
        422,
        "The call is about too many at once",
        "Divide it: narrow the selection, or the time range, as the detail says.",
    ),
    ProblemType(
        "variable-locked",
        422,
        "A trigger may not change this variable",
        "Only inputs (`trigger: true`) that the job's own file declares and uses outside of auth and host.",
    ),
    ProblemType(
        "invalid-variables",
        422,
        "The job does not pass its rules with these variables",
        "The detail and `problems` say why; give other texts.",
    ),
    ProblemType(
        "invalid-version",
        422,
        "The version does not pass today's validation",
        "Restore another version, or fix the file in a commit of your own.",
    ),
    ProblemType(
        "too-many-failures",
        429,
        "Too many wrong tokens or callback URLs",
        "Wait for the seconds that Retry-After names, then try once with the right token. A token that "
        "`chronos-gitops token create` made is never held up by the failures of others behind the same address.",
    ),
    ProblemType(
        "too-many-requests",
        429,
        "Too many calls",
        "Wait for the seconds that Retry-After names. A caller has 20 calls a second, 100 in a burst, and 60 writes a "
        "minute; validations, diffs and pages of a job are answered two at a time, one for each caller.",
    ),
    ProblemType("headers-too-large", 431, "The request's headers are too large", "Send fewer or shorter headers."),
    ProblemType(
        "internal",
        500,
        "The runner failed to answer",
        "This is a bug in chronos-gitops. The runner's log has it under the request_id; jobs keep running.",
    ),
    ProblemType("error", 500, "The runner could not do it", "The detail says why."),
    ProblemType(
        "git",
        503,
        "Git did not do it",
        "The reason names what is wrong with the repository or its remote; GET /api/v1/sync has details.",
    ),
    ProblemType(
        "store",
        503,
        "Executions cannot be recorded now",
        "Nothing was acknowledged. Look at the disk and at /readyz?verbose, then try again.",
    ),
    ProblemType(
        "issuer-unavailable",
        503,
        "The login is not available now",
        "The issuer with whom people log in does not answer, or not as it should; try again in a minute.",
    ),
    ProblemType(
        "too-many-streams",
        503,
        "No place for another stream",
        "Only a few streams may be open at once, so that other requests still get a thread. "
        "Ask /api/v1/events for JSON, or try again later.",
    ),
    ProblemType(
        "too-slow",
        503,
        "The answer takes too long",
        "Ask for less: validate a smaller file, or look at another version.",
    ),
    ProblemType(
        "unavailable",
        503,
        "Not now",
        "The runner, or something it depends on, is not available; try again later.",
    ),
)


def find(kind: str) -> ProblemType | None:
    return next((entry for entry in KINDS if entry.kind == kind), None)


def of(kind: str) -> ProblemType:
    """The entry of a kind; an unlisted kind is answered as ``error``, so that a caller always gets a problem."""
    return find(kind) or KINDS[[entry.kind for entry in KINDS].index("error")]


def of_status(status: int) -> ProblemType:
    """The kind for an error that the web framework found itself (404, 405, 413 and the rest)."""
    named = {
        404: "not-found",
        405: "method-not-allowed",
        413: "body-too-large",
        431: "headers-too-large",
        501: "bad-request",
    }
    return of(named.get(status, "bad-request" if status < 500 else "internal"))
