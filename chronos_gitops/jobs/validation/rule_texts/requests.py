"""Rules about the request that a job makes."""

from chronos_gitops.jobs.rule import error, note, warning

RULES = (
    error(
        "variable",
        "There is no such template variable.",
        "Url, headers and body may hold {{.JobID}}, {{.JobName}}, {{.ExecutionID}}, {{.ScheduledTime}} and "
        "{{.Attempt}}, replaced as they are written; there are no functions, pipes or conditions. Auth holds "
        "references to secrets only.",
        "webhook: {url: 'https://api.example.com/{{.Job}}'}",
        "webhook: {url: 'https://api.example.com/{{.JobName}}'}",
    ),
    error(
        "secret-name",
        "The name of a secret is not valid.",
        "A reference is ${secret:backup-token}: lower-case letters, digits and single hyphens, at most 100 "
        "characters. The operator gives the value as CHRONOS_SECRET_BACKUP_TOKEN or as the file backup-token.",
        "webhook: {url: https://api.example.com/, headers: {X-Token: '${secret:BACKUP_TOKEN}'}}",
        "webhook: {url: https://api.example.com/, headers: {X-Token: '${secret:backup-token}'}}",
    ),
    error(
        "secret-binding",
        "The operator does not let this secret be used here.",
        "A secret can be bound to folders of job files and to origins, so that no team sends another team's secret to "
        "an address of its own. The runner judges it when it reads the file, and again when it makes the request. The "
        "secrets of oauth2 are judged for token_url and for url, for the token goes there.",
    ),
    error(
        "secret-unbound",
        "The secret is bound to nothing, and this runner refuses such secrets.",
        "Where the API has callers, a secret may be used only where the operator's [secrets.bind] tables say, unless "
        'the settings have secrets.unbound = "anywhere".',
    ),
    warning(
        "missing-secret",
        "The secret has no value on this runner.",
        "The runner looks at the values of all secrets that jobs use when jobs are loaded, and every 30 seconds: a "
        "value exists, is not empty, is UTF-8 and has at most 8 KiB. It is never an error of the file, because the "
        "verdict on a file must not depend on one runner's disk. The job stays scheduled, and its executions fail with "
        "the class secret.",
    ),
    error(
        "secret-in-host",
        "A secret decides where the request goes.",
        "A url is one reference and nothing else, or has none in its scheme, host and port; token_url has none at all. "
        "Otherwise the destination of the secret could not be checked.",
        "webhook: {url: 'https://${secret:tenant}.example.com/'}",
        "webhook: {url: 'https://api.example.com/${secret:tenant}'}",
    ),
    error(
        "audience",
        "The audience of an identity token is no plain text.",
        "Whom a token is for must be seen in review: it holds no reference to a secret and no template variable.",
        "webhook: {url: https://api.example.com/, auth: {type: identity, audience: 'https://{{.JobName}}.example.com'}}",
        "webhook: {url: https://api.example.com/, auth: {type: identity, audience: 'https://api.example.com'}}",
    ),
    error(
        "audience-unbound",
        "The operator does not let this job ask for tokens of this audience.",
        "A token is good for the system that its audience names. Without consent that is the origin it is sent to, so "
        'that no team makes a token for another system. [identity.audiences."sts.amazonaws.com"] in chronos.toml names '
        "the folders and origins that may use another one. The runner judges it; `validate` on its own does not.",
    ),
    error(
        "unknown-secret",
        "There is no secret of that name.",
        "Looked at only when `chronos-gitops validate --secrets` says which secrets there are: a folder with one file "
        "for each, a file with one name on each line, or the names themselves.",
    ),
    warning(
        "literal-credential",
        "A credential stands in the file.",
        "Whatever is committed stays in every clone for ever. Write a reference such as ${secret:backup-token} and "
        "change the credential that was committed.",
        "webhook: {url: https://api.example.com/, headers: {Authorization: Bearer token123}}",
        "webhook: {url: https://api.example.com/, headers: {Authorization: 'Bearer ${secret:backup-token}'}}",
    ),
    error(
        "url",
        "The url is not absolute http or https.",
        "It needs a scheme, a host and no spaces; an IPv4 address has four numbers. A whole url may come from a "
        "secret: ${secret:chat-webhook}.",
        "webhook: {url: api.example.com/backup}",
        "webhook: {url: https://api.example.com/backup}",
    ),
    error(
        "url-user-info",
        "The url holds a user name or password.",
        "User info in addresses ends up in logs. Use auth of type basic with a secret.",
        "webhook: {url: 'https://user:password@api.example.com/'}",
        "webhook: {url: https://api.example.com/, auth: {type: basic, username: user, password: '${secret:api}'}}",
    ),
    note(
        "private-host",
        "The host is private.",
        "Private and loopback addresses are reachable only while the operator's egress level allows it (internal or"
        " any).",
        "webhook: {url: http://10.0.0.7/backup}",
        "webhook: {url: https://api.example.com/backup}",
    ),
    warning(
        "metadata-address",
        "The host is link-local, multicast or unspecified.",
        "Such addresses, the cloud's metadata service among them, are refused when the request is sent, unless the "
        "operator allows exactly this one.",
        "webhook: {url: http://169.254.169.254/latest/meta-data/}",
        "webhook: {url: https://api.example.com/backup}",
    ),
    warning(
        "plain-http",
        "Credentials would travel unencrypted.",
        "The url is http, not https, and the request carries auth or a credential header.",
        "webhook: {url: http://api.example.com/, auth: {type: bearer, token: '${secret:api}'}}",
        "webhook: {url: https://api.example.com/, auth: {type: bearer, token: '${secret:api}'}}",
    ),
    warning(
        "body-ignored",
        "A body is sent with a method that has none.",
        "Most servers and proxies drop the body of GET and HEAD requests (RFC 9110, section 9.3.1). GET is the "
        "default; say `method: POST`.",
        "webhook: {url: https://api.example.com/, body: full}",
        "webhook: {url: https://api.example.com/, body: full, method: POST}",
    ),
    error(
        "header-name",
        "The name of a header is not valid.",
        "A name is letters, digits and !#$%&'*+-.^_`|~ (RFC 9110, section 5.1), without spaces and without the colon.",
        "webhook: {url: https://api.example.com/, headers: {'X Team': platform}}",
        "webhook: {url: https://api.example.com/, headers: {'X-Team': platform}}",
    ),
    error(
        "header-value",
        "The value of a header is not valid.",
        "A value is one line of printable characters of Latin-1, without spaces around it (RFC 9110, section 5.5).",
        'webhook: {url: https://api.example.com/, headers: {X-Team: "a\\nb"}}',
        "webhook: {url: https://api.example.com/, headers: {X-Team: a b}}",
    ),
    error(
        "forbidden-header",
        "The runner sets this header itself.",
        "Host, Content-Length and Transfer-Encoding follow from the url and the body; a second opinion is how "
        "requests are smuggled.",
        "webhook: {url: https://api.example.com/, headers: {Host: other.example.com}}",
        "webhook: {url: https://other.example.com/}",
    ),
    warning(
        "ignored-header",
        "The runner sends its own value of this header.",
        "X-Chronos-*, Idempotency-Key, traceparent and Accept-Encoding tell the target which execution this is; "
        "Connection, TE, Trailer, Keep-Alive, Upgrade and Expect belong to the connection. What a file says is not "
        "sent.",
        "webhook: {url: https://api.example.com/, headers: {X-Chronos-Job-Name: other}}",
        "webhook: {url: https://api.example.com/, headers: {X-Job-Name: other}}",
    ),
    error(
        "duplicate-header",
        "Two headers differ only in case.",
        "Header names are case-insensitive (RFC 9110, section 5.1), so it is open which one counts.",
        "webhook: {url: https://api.example.com/, headers: {X-Team: a, x-team: b}}",
        "webhook: {url: https://api.example.com/, headers: {X-Team: a}}",
    ),
    error(
        "success-codes",
        "A range of status codes is reversed.",
        "Ranges run from the lower to the higher code, both included.",
        'webhook: {url: https://api.example.com/, success_codes: ["299-200"]}',
        'webhook: {url: https://api.example.com/, success_codes: ["200-299"]}',
    ),
    error(
        "success-rule",
        "A body rule cannot be understood.",
        "A rule of webhook.success.body has json with one comparison (equals, not, exists, at_least, at_most), or "
        "contains, or lacks. All rules of the list must hold.",
        "webhook: {url: https://api.example.com/, success: {body: [{json: /status}]}}",
        "webhook: {url: https://api.example.com/, success: {body: [{json: /status, equals: done}]}}",
    ),
    error(
        "json-pointer",
        "A place in a JSON document is not a JSON Pointer.",
        "A pointer (RFC 6901) begins with a slash before each name or index, as in /items/0/id; the empty text is the "
        "whole document. A slash in a name is written ~1 and a tilde ~0.",
        "webhook: {url: https://api.example.com/, success: {body: [{json: status, equals: done}]}}",
        "webhook: {url: https://api.example.com/, success: {body: [{json: /status, equals: done}]}}",
    ),
    error(
        "success-literal",
        "A body rule compares with a reference.",
        "References and variables are not replaced in body rules: the file says what the answer is compared with.",
        "webhook: {url: https://api.example.com/, success: {body: [{contains: '${secret:word}'}]}}",
        "webhook: {url: https://api.example.com/, success: {body: [{contains: done}]}}",
    ),
    error(
        "success-head",
        "The answer to a HEAD request has no body.",
        "Rules on the body cannot hold for an answer that has none.",
        "webhook: {url: https://api.example.com/, method: HEAD, success: {body: [{contains: done}]}}",
        "webhook: {url: https://api.example.com/, success: {body: [{contains: done}]}}",
    ),
)
