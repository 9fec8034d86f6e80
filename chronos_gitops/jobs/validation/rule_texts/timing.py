"""Rules about when and how a job runs."""

from chronos_gitops.jobs.rule import error, note, warning

RULES = (
    error(
        "schedule",
        "The schedule cannot be read, or never fires.",
        "Write five cron fields (minute hour day-of-month month day-of-week), six fields with seconds first, a "
        "macro such as @daily, @every with a duration, or @at with a local time. A schedule that matches no date "
        "is refused, because it would never run.",
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
    warning(
        "timezone-abbreviation",
        "The time zone is an abbreviation.",
        "EST, MST and HST never follow daylight saving, and other abbreviations have several meanings. Name a "
        "region, such as America/New_York.",
        "timezone: EST",
        "timezone: America/New_York",
    ),
    error(
        "schedule-list",
        "The schedules cannot be combined.",
        "A list has 1 to 100 entries, at most 10 of them other than @at. `@every` follows elapsed time, and "
        "cannot be combined with other entries.",
        'schedule: ["@every 5m", "0 2 * * *"]',
        'schedule: ["0 2 * * *", "@at 2030-12-24T18:00"]',
    ),
    warning(
        "schedule-repeated",
        "Two entries of a list are the same.",
        "Entries with the same time are one scheduled time, so the second entry has no effect.",
        'schedule: ["0 2 * * *", "0 2 * * *"]',
        'schedule: ["0 2 * * *", "0 14 * * *"]',
    ),
    error(
        "start-end",
        "Nothing can run between start and end.",
        "start and end are dates or local times in the job's time zone, without an offset. If end is a date, "
        "that day is included.",
        "start: 2027-02-01\nend: 2027-01-31",
        "start: 2027-02-01\nend: 2027-02-28",
    ),
    error(
        "on-skip",
        "The schedule cannot be moved to another day.",
        "`next` and `previous` move scheduled times on closed days, so they need fixed times: no `@every`, no `*` in "
        "minute or hour, at most 24 times a day.",
        'schedule: "*/5 * * * *"\non_skip: next',
        'schedule: "0 2 * * *"\non_skip: next',
    ),
    warning(
        "at-past",
        "The time of an @at entry is in the past.",
        "It does not run, because an edit never starts an execution.",
        'schedule: ["@at 2020-12-24T18:00", "@at 2030-12-24T18:00"]',
        'schedule: "@at 2030-12-24T18:00"',
    ),
    note(
        "ended",
        "The job ended 30 days ago or earlier.",
        "No scheduled time is left. The job can still be triggered; if it is not needed any more, delete its file.",
        'schedule: "0 2 * * *"\nend: 2020-12-24',
        'schedule: "0 2 * * *"\nend: 2030-12-24',
    ),
    note(
        "at-clock-change",
        "The clock skips or repeats the time of an @at entry.",
        "A time that does not exist on that day runs at the first instant after the gap; a time that occurs "
        "twice runs the first time.",
        'timezone: Europe/Paris\nschedule: "@at 2027-03-28T02:30"',
        'timezone: Europe/Paris\nschedule: "@at 2027-03-28T04:30"',
    ),
    note(
        "uneven-step",
        "A step does not divide its range.",
        "`*/50` in the minute field means minutes 0 and 50, so runs are 50 and 10 minutes apart. `@every 50m` follows "
        "elapsed time.",
        'schedule: "*/50 * * * *"',
        'schedule: "*/30 * * * *"',
    ),
    note(
        "both-day-fields",
        "Day of month and day of week are both restricted.",
        "A day that matches either one counts, as in Vixie cron: `0 0 13 * 5` runs on every 13th and on every "
        "Friday, not on Friday the"
        " 13th.",
        'schedule: "0 0 13 * 5"',
        'schedule: "0 0 13 * *"',
    ),
    note(
        "daylight-saving-gap",
        "A run falls into a daylight-saving gap.",
        "On that day the clock skips the scheduled time; the run happens once, at the first instant after the gap. "
        "Choose another time if that matters.",
        'timezone: America/New_York\nschedule: "30 2 * * *"',
        'timezone: America/New_York\nschedule: "30 4 * * *"',
    ),
    warning(
        "too-frequent",
        "The job runs more often than every 10 seconds.",
        "At that rate every slow response overlaps the next execution. A queue or a long-running process is more "
        "suitable.",
        'schedule: "@every 5s"',
        'schedule: "@every 10s"',
    ),
    warning(
        "timeout-overlap",
        "Executions may pile up: the timeout is longer than the time between scheduled times.",
        "With `concurrency: allow` a target that hangs receives more and more concurrent requests. Shorten the "
        "timeout, or use forbid, queue or replace.",
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
        "initial_interval is longer than max_interval.",
        "The waits between attempts start at initial_interval, grow by multiplier and are limited to "
        "max_interval (default 1m).",
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
        "Set the maximum duration of one attempt, from connect to the last byte.",
        "description: no word about timeouts",
        "timeout: 30s",
    ),
    warning(
        "one-word-name",
        "The name is one word.",
        "Names such as backup or job1 are not clear a year later. Name the action and how often it happens: "
        "daily-database-backup.",
        "name: backup",
        "name: daily-backup",
    ),
)
