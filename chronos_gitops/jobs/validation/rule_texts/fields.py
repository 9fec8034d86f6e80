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
        "An unknown field is usually a misspelt one, and would have no effect. `chronos-gitops schema` lists all "
        "fields.",
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
        "A value is not one of the allowed words.",
        "The words are case-sensitive.",
        "concurrency: forbidden",
        "concurrency: forbid",
    ),
    error(
        "pattern",
        "A text does not have the form of its field.",
        "The message describes the form; `chronos-gitops schema` has it as a regular expression.",
        'webhook: {url: https://api.example.com/, success_codes: ["2xx"]}',
        'webhook: {url: https://api.example.com/, success_codes: ["200-299"]}',
    ),
    error(
        "range",
        "A number or a length is out of bounds.",
        "The message gives the limit.",
        "retry_policy: {max_attempts: 0}",
        "retry_policy: {max_attempts: 1}",
    ),
    error(
        "job-name",
        "The name is not kebab-case.",
        "Names have lower-case letters, digits and single hyphens, and at most 100 characters, because URLs, "
        "file names and metrics contain them. Name the action and how often it happens: daily-database-backup.",
        "name: Daily_Backup",
        "name: daily-backup",
    ),
    error(
        "duration",
        "A text is not a duration.",
        "Durations have the syntax of Go: numbers with a unit (ms, s, m, h), without spaces, such as 300ms, 30s, "
        "5m or 1h30m. The maximum is ten years.",
        "timeout: 5 minutes",
        "timeout: 5m",
    ),
    note(
        "kept-by-runner",
        "The runner sets this field.",
        "id, created_at, updated_at and next_run are fields of the API; in a file they are ignored. The id is "
        "derived from the name, the times from git and the schedule.",
        'next_run: "2026-01-30T07:00:00Z"',
        "enabled: true",
    ),
)
