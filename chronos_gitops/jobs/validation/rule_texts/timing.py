"""Rules about when and how a job runs."""

from chronos_gitops.jobs.rule import error, note, warning

RULES = (
    error(
        "schedule",
        "The schedule cannot be read, or never fires.",
        "Five cron fields (minute hour day-of-month month day-of-week), six with seconds first, @daily and its "
        "like, @every with a duration, or @at with a local time. A schedule that no day of the calendar meets is "
        "refused: it would be silent for ever.",
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
        "EST, MST and HST never follow daylight saving, and the others stand for many places at once. Name the region "
        "whose clocks are meant.",
        "timezone: EST",
        "timezone: America/New_York",
    ),
    error(
        "schedule-list",
        "The schedules cannot stand together.",
        "A list has 1 to 100 entries, at most 10 of them other than @at. `@every` follows elapsed time and stands "
        "alone.",
        'schedule: ["@every 5m", "0 2 * * *"]',
        'schedule: ["0 2 * * *", "@at 2030-12-24T18:00"]',
    ),
    warning(
        "schedule-repeated",
        "Two entries of a list are the same.",
        "Entries that name one instant are one scheduled time, so the second entry adds nothing.",
        'schedule: ["0 2 * * *", "0 2 * * *"]',
        'schedule: ["0 2 * * *", "0 14 * * *"]',
    ),
    error(
        "start-end",
        "Nothing can run between start and end.",
        "start and end are dates or local times in the zone of the job, without an offset. A date as end includes its "
        "day.",
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
        "The time of an @at entry is past.",
        "It does not run: an edit never fires a run.",
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
        "A time that does not exist on that day runs at the first instant after the gap; one that comes twice runs the "
        "first time.",
        'timezone: Europe/Paris\nschedule: "@at 2027-03-28T02:30"',
        'timezone: Europe/Paris\nschedule: "@at 2027-03-28T04:30"',
    ),
    note(
        "uneven-step",
        "A step does not divide its range.",
        "`*/50` in the minute field is 0 and 50, so that runs are 50 and 10 minutes apart. `@every 50m` follows "
        "elapsed time.",
        'schedule: "*/50 * * * *"',
        'schedule: "*/30 * * * *"',
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
        "With `concurrency: allow` a target that hangs receives one request after the other. Shorten the "
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
