"""Rules about layers: defaults, environments and variables."""

from chronos_gitops.jobs.rule import error, note

RULES = (
    error(
        "reserved-name",
        "The file has a reserved name.",
        "Names of files and folders that begin with an underscore are reserved for files such as "
        "`_defaults.yaml` and `_environments/<name>.yaml`. A job that ran from such a file keeps its last good "
        "version. Rename the file, or exclude it with .chronosignore.",
    ),
    error(
        "not-inheritable",
        "A layer has a field that belongs to one job.",
        "name and description belong to one job. webhook.timeout in a layer would override the timeout of a job; "
        "set timeout instead. Environment blocks cannot be nested.",
        "environments: {staging: {description: Tries payments}}",
        "description: Makes payments",
    ),
    error(
        "unknown-environment",
        "No file declares the environment.",
        "An environment is declared by a file `_environments/<name>.yaml` at the top of the jobs folder, even by "
        "an empty one. A block for any other name would have no effect.",
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
        "Write the reference at the place where the secret is used, so that a reviewer sees which request contains it.",
        'variables: {key: "${secret:key}"}\nwebhook: {url: https://api.example.com/, headers: {X-Key: "${var:key}"}}',
        'webhook: {url: https://api.example.com/, headers: {X-Key: "${secret:key}"}}',
    ),
    error(
        "policy",
        "A job violates a policy of the repository.",
        "Files in `_policies/` have rules about the tags, hosts and frequency of jobs. Each rule sets its own "
        "severity: error, warning or note. An ignore comment in a job does not suppress it. In a policy file, "
        "this finding means that the file is invalid; its last valid content stays in force until it is fixed.",
    ),
    note(
        "no-effect",
        "A line has no effect.",
        "null removes an inherited value, but none is inherited here; or a variable of the job is not used; or a "
        "policy selects no job, or makes an exception for a job that does not exist.",
        "timeout: null",
        "timeout: 5m",
    ),
)
