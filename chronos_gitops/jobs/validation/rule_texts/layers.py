"""Rules about layers: defaults, environments and variables."""

from chronos_gitops.jobs.rule import error, note

RULES = (
    error(
        "reserved-name",
        "The file has a reserved name.",
        "Names of files and folders that begin with an underscore are reserved for `_defaults.yaml`, "
        "`_environments/<name>.yaml` and their like. A job that ran from such a file keeps its last good version. "
        "Rename the file, or let .chronosignore exclude it.",
    ),
    error(
        "not-inheritable",
        "A layer has a field that belongs to one job.",
        "name and description are one job's own. webhook.timeout in a layer would win over the timeout of a job; "
        "timeout does not. Blocks of environments do not nest.",
        "environments: {staging: {description: Tries payments}}",
        "description: Makes payments",
    ),
    error(
        "unknown-environment",
        "No file declares the environment.",
        "An environment is declared by a file `_environments/<name>.yaml` at the top of the jobs folder, even by an "
        "empty one. A block for any other name would be without effect.",
        "environments: {staging: {timeout: 10s}}",
        "timeout: 10s",
    ),
    error(
        "unknown-variable",
        "A variable has no value.",
        "`${var:name}` needs a value in each environment: in the job, in a `_defaults.yaml` above it or in the "
        "environment's file. `$${var:name}` is sent as `${var:name}`.",
        'webhook: {url: "${var:api}/backup"}',
        'variables: {api: "https://api.example.com"}\nwebhook: {url: "${var:api}/backup"}',
    ),
    error(
        "variable-value",
        "A variable cannot have this name or value.",
        "Variables are replaced once, so a value that holds another variable would be sent as it is written. Names "
        "are lower-case words with hyphens.",
        'variables: {api: "https://${var:host}"}\nwebhook: {url: "${var:api}/backup"}',
        'variables: {host: api.example.com}\nwebhook: {url: "https://${var:host}/backup"}',
    ),
    error(
        "secret-in-variable",
        "The value of a variable refers to a secret.",
        "A reference is written where the secret is used, so that a reviewer sees which request carries it.",
        'variables: {key: "${secret:key}"}\nwebhook: {url: https://api.example.com/, headers: {X-Key: "${var:key}"}}',
        'webhook: {url: https://api.example.com/, headers: {X-Key: "${secret:key}"}}',
    ),
    error(
        "policy",
        "A job does not hold to a policy of the repository.",
        "Files in `_policies/` have rules over jobs: tags that they carry, hosts that they call, how often they run. A "
        "rule says itself whether it is an error, a warning or a note; a comment in the job ignores none of them. In "
        "a policy itself this rule is about what cannot be read; until it is fixed, its last readable content holds.",
    ),
    note(
        "no-effect",
        "A line changes nothing.",
        "null removes what a job inherits, and here nothing is inherited; or a variable of the job is not used; or a "
        "policy selects no job, or makes an exception for one that there is not.",
        "timeout: null",
        "timeout: 5m",
    ),
)
