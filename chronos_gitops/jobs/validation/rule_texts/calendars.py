"""Rules about calendars, and about the jobs that name them."""

from chronos_gitops.jobs.rule import error, note, warning

RULES = (
    error(
        "unknown-calendar",
        "There is no such calendar.",
        "A calendar is a file `_calendars/<name>.yaml` at the top of the jobs folder. The last good version of "
        "the job keeps running, with the last content of the calendar.",
    ),
    error(
        "calendar-entry",
        "The calendar file cannot be read.",
        "An entry is a weekday, MM-DD, YYYY-MM-DD, or a map with date or with from and to, and a reason. The "
        "last valid content of the file stays in force, and no job changes.",
    ),
    warning(
        "calendar-silent",
        "The calendars of the job drop every scheduled time.",
        "The job does not run in the next 366 days. If that is intended, disable it.",
    ),
    warning(
        "calendar-horizon",
        "The dates of the calendar end soon.",
        "After `covers_until` weekdays and yearly days still apply, but dates do not: jobs run as on any other "
        "day. The warning begins 60 days before, and also applies to a calendar that has dates and no `covers_until`.",
    ),
    note(
        "unused-calendar",
        "No job uses the calendar.",
        "It has no effect: no job names it, and it does not select jobs with applies_to.",
    ),
)
