"""Every type of problem this API answers with: its kind, status, title, and what a reader can do about it."""

from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class ProblemType:
    """``kind`` is the last part of the type URI, ``/problems/<kind>``, which is a page too (RFC 9457, 3.1.1).
    ``page_remedy`` is what a person in a browser can do, where that differs from ``remedy``."""

    kind: str
    status: int
    title: str
    remedy: str
    page_remedy: str = ""

    @property
    def uri(self) -> str:
        return f"/problems/{self.kind}"


KINDS: tuple[ProblemType, ...] = (
    ProblemType(
        "bad-request",
        400,
        "Malformed request",
        "Compare it with the example of the operation in /api/v1/openapi.json.",
        "Go back and correct the value that the detail names.",
    ),
    ProblemType(
        "usage",
        400,
        "Invalid value",
        "The detail names the invalid value. Correct it and repeat the request.",
    ),
    ProblemType(
        "unknown-parameter",
        400,
        "Unknown query parameter",
        "A misspelt filter would match everything, so the request is refused. Filter by tag with tag.<key>=<value>.",
    ),
    ProblemType(
        "invalid-parameter",
        400,
        "Invalid query parameter value",
        "The detail lists the allowed values.",
    ),
    ProblemType(
        "cursor-mismatch",
        400,
        "Cursor of another list",
        "A cursor is valid only with the filters of its page. Follow `next` unchanged, or start without a cursor.",
    ),
    ProblemType(
        "invalid-body",
        400,
        "Invalid request body",
        "Send one JSON object with the fields that the detail names.",
    ),
    ProblemType(
        "unauthorized",
        401,
        "Authentication required",
        "Send `Authorization: Bearer <token>` with a token from the runner's settings.",
        "Log in, then open the page again.",
    ),
    ProblemType(
        "approval-by-commit",
        403,
        "Approval by commit required",
        "Commit with the trailer Chronos-Allow-Deletes: <n>, where n is the number of jobs that the commit deletes and "
        "disables.",
    ),
    ProblemType(
        "login-refused",
        403,
        "Login refused",
        "Start again at /login, in the same browser, with cookies allowed.",
    ),
    ProblemType(
        "token-expired",
        401,
        "Token expired",
        "Ask the issuer for a new token. Clocks may differ by one minute.",
    ),
    ProblemType(
        "bad-signature",
        401,
        "Missing or invalid webhook signature",
        "Give the forge the secret from the runner's settings (hooks.github_secrets, for example); "
        "the runner's clock must be correct within five minutes.",
    ),
    ProblemType(
        "forbidden",
        403,
        "Permission denied",
        "Ask the operator for a token with the role that the detail names: read, operate or rollback.",
    ),
    ProblemType(
        "outside-folders",
        403,
        "Outside the caller's folders",
        "Ask a caller whose folders contain every job of the call, or a caller without a folder restriction.",
    ),
    ProblemType(
        "commit-outside-folders",
        500,
        "Commit outside the caller's folders",
        "Nothing was committed. Report this bug with the request_id.",
    ),
    ProblemType(
        "job-request",
        403,
        "Request from a job",
        "A request with X-Chronos-Execution-ID comes from a job. To let one job trigger another on purpose, give it a "
        "token of this runner in a secret that is bound to the runner's origin.",
    ),
    ProblemType(
        "foreign-origin",
        403,
        "Cross-site request refused",
        "A runner without tokens, and a browser session, accept writes from the runner's own pages only. Programs "
        "send no Origin, and a token in the Authorization header.",
        "Open the page at the runner's own address, then submit the form there.",
    ),
    ProblemType(
        "not-found",
        404,
        "Not found",
        "GET /api/v1/jobs lists the jobs; /api/v1/openapi.json lists the operations.",
        "Jobs, Executions and Changes at the top of the page list everything that exists.",
    ),
    ProblemType(
        "no-draft",
        404,
        "No draft",
        "GET /api/v1/jobs/{name} has `draft: true` while a file of the job differs from HEAD.",
    ),
    ProblemType(
        "callback-unknown",
        404,
        "Unknown callback",
        "Post to the whole URL from the request's header X-Chronos-Callback-URL, including its signature; it is "
        "valid for that execution only.",
    ),
    ProblemType(
        "method-not-allowed",
        405,
        "Method not allowed",
        "The Allow header lists the allowed methods.",
    ),
    ProblemType(
        "conflict",
        409,
        "Conflict with the current state",
        "The detail names the conflict. Fetch the resource again, then repeat the request.",
        "The detail names the conflict. Reload the page, then try again.",
    ),
    ProblemType(
        "preflight-under-way",
        409,
        "Preflight already running",
        "One preflight runs at a time, for at most a minute. Try again when it has ended.",
    ),
    ProblemType(
        "replay-under-way",
        409,
        "Replay already running",
        "One replay of a job runs at a time. GET /api/v1/replays/{id} shows it; cancel it or wait until it has ended.",
    ),
    ProblemType(
        "callback-late",
        409,
        "Execution already ended with another result",
        "Its deadline had passed, it was cancelled or replaced, or another callback came first: GET the execution "
        "for details. The target's work is not undone; posting again changes nothing.",
    ),
    ProblemType(
        "callback-unexpected",
        409,
        "No callback expected",
        "The execution ended with the target's response, because its job has `webhook.completion: response`.",
    ),
    ProblemType(
        "push-refused",
        409,
        "Push refused",
        "Give the runner's account the right to push to the branch, or to chronos/rollback/... for review.",
    ),
    ProblemType(
        "stale-version",
        412,
        "Job changed since it was fetched",
        "GET the job again, review the diff, and repeat the request with the new ETag.",
        "Open the job again, review the changes, and submit the form once more.",
    ),
    ProblemType("body-too-large", 413, "Request body too large", "The limit is 1 MiB."),
    ProblemType(
        "unsupported-media", 415, "Unsupported media type", "Set the webhook's content type to application/json."
    ),
    ProblemType(
        "foreign-host",
        421,
        "Unknown Host header",
        "Against DNS rebinding the runner accepts only names that it knows: localhost, the host of `public_url`, "
        "its listen address and `hosts` of chronos.toml; if callers authenticate, also any IP address. Add the "
        "name to `hosts`.",
    ),
    ProblemType(
        "idempotency-key-reused",
        422,
        "Idempotency-Key already used",
        "Use a new key for each new request, and the same key only to repeat a request.",
    ),
    ProblemType(
        "too-many-items",
        422,
        "Too many items",
        "Narrow the selection or the time range, as the detail says.",
    ),
    ProblemType(
        "variable-locked",
        422,
        "Variable cannot be set by a trigger",
        "A trigger can set inputs (`trigger: true`) that the job's own file declares and does not use in auth or host.",
    ),
    ProblemType(
        "invalid-variables",
        422,
        "Variables make the job invalid",
        "The detail and `problems` give the reason; use other values.",
    ),
    ProblemType(
        "invalid-version",
        422,
        "Version fails validation",
        "Restore another version, or fix the file in a new commit.",
    ),
    ProblemType(
        "too-many-failures",
        429,
        "Too many failed authentications",
        "Wait for the number of seconds in Retry-After, then try once with a valid token. A token made by "
        "`chronos-gitops token create` is never delayed by failures of other callers at the same address.",
    ),
    ProblemType(
        "too-many-requests",
        429,
        "Rate limit exceeded",
        "Wait for the number of seconds in Retry-After. The limits per caller: 20 requests a second, 100 in a burst, "
        "60 writes a minute, and one validation, diff or job page at a time (two for all callers together).",
    ),
    ProblemType("headers-too-large", 431, "Request headers too large", "Send fewer or shorter headers."),
    ProblemType(
        "internal",
        500,
        "Internal error",
        "This is a bug in chronos-gitops. The runner's log records it with the request_id; jobs keep running.",
    ),
    ProblemType("error", 500, "Request failed", "The detail gives the reason."),
    ProblemType(
        "git",
        503,
        "Git operation failed",
        "The reason names the fault of the repository or its remote; GET /api/v1/sync has details.",
    ),
    ProblemType(
        "store",
        503,
        "Execution ledger unavailable",
        "Nothing was recorded. Check the disk and /readyz?verbose, then try again.",
    ),
    ProblemType(
        "issuer-unavailable",
        503,
        "Login unavailable",
        "The login issuer does not respond, or its response is invalid. Try again in a minute.",
    ),
    ProblemType(
        "too-many-streams",
        503,
        "Too many event streams",
        "The number of open streams is limited, so that other requests still get a thread. "
        "Request /api/v1/events as JSON, or try again later.",
    ),
    ProblemType(
        "too-slow",
        503,
        "Response takes too long",
        "Validate a smaller file, or request another version.",
    ),
    ProblemType(
        "unavailable",
        503,
        "Unavailable",
        "The runner, or a service that it depends on, is unavailable. Try again later.",
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
