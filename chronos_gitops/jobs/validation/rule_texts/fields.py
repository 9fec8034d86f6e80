"""Rules that the JSON schema states."""

from chronos_gitops.jobs.rule import error, note

RULES = (
    error(
        "required",
        "A field is missing.",
        "A job needs name, schedule and webhook.url; each kind of auth needs its own fields.",
        "webhook: {method: POST}",
        "webhook: {method: POST, url: https://api.example.com/backup}",
    ),
    error(
        "unknown-field",
        "There is no such field.",
        "An unknown field is most often a known one misspelt, and would be without effect. `chronos-gitops schema` "
        "lists them all.",
        "timezon: Europe/Paris",
        "timezone: Europe/Paris",
    ),
    error(
        "type",
        "A value has the wrong type.",
        "Text that looks like a number, true, false or null must be quoted. A key without a value is null: remove it.",
        "tags:\n  cost-center: 4711",
        'tags:\n  cost-center: "4711"',
    ),
    error(
        "enum",
        "A value is none of the allowed words.",
        "Words are case-sensitive, so that a file reads the same everywhere.",
        "concurrency: forbidden",
        "concurrency: forbid",
    ),
    error(
        "pattern",
        "A text does not have the form of its field.",
        "The message says which form is meant; `chronos-gitops schema` has it as a regular expression.",
        'webhook: {url: https://api.example.com/, success_codes: ["2xx"]}',
        'webhook: {url: https://api.example.com/, success_codes: ["200-299"]}',
    ),
    error(
        "range",
        "A number or a length is out of bounds.",
        "The message names the bound.",
        "retry_policy: {max_attempts: 0}",
        "retry_policy: {max_attempts: 1}",
    ),
    error(
        "job-name",
        "The name is not kebab-case.",
        "Names are lower-case letters, digits and single hyphens, at most 100 characters: they stand in addresses, "
        "file names and metrics. Say what happens and how often: daily-database-backup.",
        "name: Daily_Backup",
        "name: daily-backup",
    ),
    error(
        "duration",
        "A text is not a duration.",
        "Durations are Go's: numbers with a unit (ms, s, m, h), without spaces: 300ms, 30s, 5m, 1h30m. At most ten "
        "years.",
        "timeout: 5 minutes",
        "timeout: 5m",
    ),
    note(
        "kept-by-runner",
        "The runner keeps this field.",
        "id, created_at, updated_at and next_run are what the API shows for a job; in a file they are ignored. The "
        "id follows from the name, the times from git and from the schedule.",
        'next_run: "2026-01-30T07:00:00Z"',
        "enabled: true",
    ),
)
