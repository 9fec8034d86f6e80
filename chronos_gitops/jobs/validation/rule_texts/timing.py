"""Rules about when and how a job runs."""

from chronos_gitops.jobs.rule import error, note, warning

RULES = (
    error(
        "schedule",
        "The schedule cannot be read, or never fires.",
        "Five cron fields (minute hour day-of-month month day-of-week), six with seconds first, @daily and its "
        "like, or @every with a duration. A schedule that no day of the calendar meets is refused: it would be "
        "silent for ever.",
        'schedule: "0 0 30 2 *"',
        'schedule: "0 0 28 2 *"',
    ),
    error(
        "timezone",
        "There is no such time zone.",
        "Zones are IANA names such as Europe/Paris or America/New_York. Abbreviations like EST are ambiguous and do"
        " not follow daylight saving.",
        "timezone: America/NewYork",
        "timezone: America/New_York",
    ),
    note(
        "both-day-fields",
        "Day of month and day of week are both restricted.",
        "Then either is enough (Vixie cron): `0 0 13 * 5` runs on every 13th and on every Friday, not on Friday the"
        " 13th.",
        'schedule: "0 0 13 * 5"',
        'schedule: "0 0 13 * *"',
    ),
    note(
        "daylight-saving-gap",
        "A run falls into a daylight-saving gap.",
        "On that day the clock skips the scheduled time; the run happens once, at the first instant after the gap. "
        "Choose another time when that matters.",
        'timezone: America/New_York\nschedule: "30 2 * * *"',
        'timezone: America/New_York\nschedule: "30 4 * * *"',
    ),
    warning(
        "too-frequent",
        "The job runs more often than every 10 seconds.",
        "At that rate every slow answer overlaps the next run. A queue or a resident process does this better.",
        'schedule: "@every 5s"',
        'schedule: "@every 10s"',
    ),
    warning(
        "timeout-overlap",
        "Runs may pile up: the timeout is longer than the time between runs.",
        "With `concurrency: allow` a receiver that hangs is called again and again beside itself. Shorten the "
        "timeout, or use forbid or replace.",
        'schedule: "*/5 * * * *"\ntimeout: 10m\nconcurrency: allow',
        'schedule: "*/5 * * * *"\ntimeout: 4m\nconcurrency: allow',
    ),
    warning(
        "zero-timeout",
        "The timeout is zero.",
        "Every attempt would end before it starts.",
        "timeout: 0s",
        "timeout: 30s",
    ),
    warning(
        "retry-interval",
        "The first wait between attempts is longer than the longest.",
        "Waits start at initial_interval, grow by multiplier and stop growing at max_interval (1m when absent).",
        "retry_policy: {initial_interval: 5m, max_interval: 1m}",
        "retry_policy: {initial_interval: 1m, max_interval: 5m}",
    ),
    note(
        "enabled-absent",
        "`enabled` is absent, so the job does not run.",
        "A job without `enabled: true` is loaded and shown but never executed.",
        "description: no word about enabled",
        "enabled: true",
    ),
    note(
        "timeout-absent",
        "`timeout` is absent; an attempt may take 5 minutes.",
        "Say how long one attempt may take, from connect to the last byte.",
        "description: no word about timeouts",
        "timeout: 30s",
    ),
    warning(
        "one-word-name",
        "The name is one word.",
        "Names such as backup or job1 say too little a year later. Say what happens and how often: "
        "daily-database-backup.",
        "name: backup",
        "name: daily-backup",
    ),
)
