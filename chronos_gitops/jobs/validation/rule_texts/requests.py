"""Rules about the request that a job makes."""

from chronos_gitops.jobs.rule import error, note, warning

RULES = (
    error(
        "variable",
        "There is no such template variable.",
        "The URL, headers and body may contain {{.JobID}}, {{.JobName}}, {{.ExecutionID}}, {{.ScheduledTime}} "
        "and {{.Attempt}}, without functions, pipes or conditions. auth may contain only references to secrets.",
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
        "The operator does not allow this use of the secret.",
        "A secret can be bound to folders of job files and to origins, so that no team can send another team's "
        "secret to its own server. The runner checks the binding when it reads the file, and again when it makes "
        "the request. The secrets of oauth2 are checked for token_url and for url, because the token is sent there.",
    ),
    error(
        "secret-unbound",
        "The secret has no binding, and this runner refuses such secrets.",
        "If callers of the API authenticate, a secret may be used only as the operator's [secrets.bind] tables allow, "
        'unless secrets.unbound is "anywhere".',
    ),
    warning(
        "missing-secret",
        "The secret has no value on this runner.",
        "The runner checks the values of all secrets in use when jobs are loaded and every 30 seconds: each has "
        "to exist, be UTF-8 and have 1 byte to 8 KiB. A missing value is never an error of the file, because the "
        "validity of a file must not depend on one runner's disk. The job stays scheduled, and its executions "
        "fail with the error class secret.",
    ),
    error(
        "secret-in-host",
        "A secret determines the destination of the request.",
        "A URL is either a single reference, or has no reference in its scheme, host and port; token_url has "
        "none at all. Otherwise the destination of a secret could not be checked.",
        "webhook: {url: 'https://${secret:tenant}.example.com/'}",
        "webhook: {url: 'https://api.example.com/${secret:tenant}'}",
    ),
    error(
        "audience",
        "The audience of an identity token is not plain text.",
        "The audience has to be visible in review, so it may contain neither a reference to a secret nor a "
        "template variable.",
        "webhook: {url: https://api.example.com/, auth: {type: identity, audience: 'https://{{.JobName}}.example.com'}}",
        "webhook: {url: https://api.example.com/, auth: {type: identity, audience: 'https://api.example.com'}}",
    ),
    error(
        "audience-unbound",
        "The operator does not allow this job to request tokens for this audience.",
        "A token is valid for the system that its audience names. By default that is the origin that receives the "
        'request, so that no team obtains a token for another system. [identity.audiences."sts.amazonaws.com"] in '
        "chronos.toml names the folders and origins that may use another audience. Only a runner checks this rule; "
        "`validate` does not.",
    ),
    error(
        "unknown-secret",
        "There is no secret with this name.",
        "This rule applies only if `chronos-gitops validate --secrets` gives the known secrets: a folder with "
        "one file per secret, a file with one name per line, or the names.",
    ),
    warning(
        "literal-credential",
        "The file contains a literal credential.",
        "A committed credential stays in every clone. Write a reference such as ${secret:backup-token}, and "
        "replace a credential that was committed.",
        "webhook: {url: https://api.example.com/, headers: {Authorization: Bearer token123}}",
        "webhook: {url: https://api.example.com/, headers: {Authorization: 'Bearer ${secret:backup-token}'}}",
    ),
    error(
        "url",
        "The URL is not an absolute http or https URL.",
        "It needs a scheme and a host, and no spaces; an IPv4 address has four numbers. A secret may contain the "
        "whole URL: ${secret:chat-webhook}.",
        "webhook: {url: api.example.com/backup}",
        "webhook: {url: https://api.example.com/backup}",
    ),
    error(
        "url-user-info",
        "The URL contains a user name or password.",
        "User information in URLs ends up in logs. Use auth of type basic with a secret.",
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
        "The runner refuses requests to such addresses, which include the metadata service of clouds, unless the "
        "operator allows this exact address or sets `egress.level` to any.",
        "webhook: {url: http://169.254.169.254/latest/meta-data/}",
        "webhook: {url: https://api.example.com/backup}",
    ),
    warning(
        "plain-http",
        "Credentials would be sent unencrypted.",
        "The URL is http, not https, and the request has auth or a credential header.",
        "webhook: {url: http://api.example.com/, auth: {type: bearer, token: '${secret:api}'}}",
        "webhook: {url: https://api.example.com/, auth: {type: bearer, token: '${secret:api}'}}",
    ),
    warning(
        "body-ignored",
        "A body is sent with a method that normally has none.",
        "Most servers and proxies drop the body of GET and HEAD requests (RFC 9110, section 9.3.1). GET is the "
        "default; set `method: POST`.",
        "webhook: {url: https://api.example.com/, body: full}",
        "webhook: {url: https://api.example.com/, body: full, method: POST}",
    ),
    error(
        "header-name",
        "The name of a header is not valid.",
        "A name has letters, digits and !#$%&'*+-.^_`|~ (RFC 9110, section 5.1), without spaces and without the colon.",
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
        "Host, Content-Length and Transfer-Encoding are derived from the URL and the body; conflicting values "
        "would allow request smuggling.",
        "webhook: {url: https://api.example.com/, headers: {Host: other.example.com}}",
        "webhook: {url: https://other.example.com/}",
    ),
    warning(
        "ignored-header",
        "The runner sends its own value of this header.",
        "X-Chronos-*, Idempotency-Key, traceparent and Accept-Encoding identify the execution; Connection, TE, "
        "Trailer, Keep-Alive, Upgrade and Expect belong to the connection. The value in the file is not sent.",
        "webhook: {url: https://api.example.com/, headers: {X-Chronos-Job-Name: other}}",
        "webhook: {url: https://api.example.com/, headers: {X-Job-Name: other}}",
    ),
    error(
        "duplicate-header",
        "Two headers differ only in case.",
        "Header names are case-insensitive (RFC 9110, section 5.1), so it is undefined which one the target uses.",
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
        "A body rule is invalid.",
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
        "References and variables are not replaced in body rules. Write the literal text that the response is "
        "compared with.",
        "webhook: {url: https://api.example.com/, success: {body: [{contains: '${secret:word}'}]}}",
        "webhook: {url: https://api.example.com/, success: {body: [{contains: done}]}}",
    ),
    error(
        "success-head",
        "The response to a HEAD request has no body.",
        "Rules on the body cannot hold for a response without one.",
        "webhook: {url: https://api.example.com/, method: HEAD, success: {body: [{contains: done}]}}",
        "webhook: {url: https://api.example.com/, success: {body: [{contains: done}]}}",
    ),
)
