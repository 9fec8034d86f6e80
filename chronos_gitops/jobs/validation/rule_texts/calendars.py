"""Rules about calendars, and about the jobs that name them."""

from chronos_gitops.jobs.rule import error, note, warning

RULES = (
    error(
        "unknown-calendar",
        "There is no such calendar.",
        "A calendar is a file `_calendars/<name>.yaml` at the top of the jobs folder. The last good version of the job "
        "keeps running, with the content that the calendar had.",
    ),
    error(
        "calendar-entry",
        "The calendar file cannot be read.",
        "Entries are a weekday, MM-DD, YYYY-MM-DD, or a map of date or of from and to, with a reason. What was read of "
        "the file last stays in force, and no job is touched.",
    ),
    warning(
        "calendar-silent",
        "The calendars of the job hold every scheduled time.",
        "In the next 366 days nothing runs. A job that is meant to rest is better disabled.",
    ),
    warning(
        "calendar-horizon",
        "The dates of the calendar end soon.",
        "After `covers_until` weekdays and yearly days still count, dates do not: jobs run as on any other day. The "
        "warning begins 60 days before, and stands where a calendar with dates does not say.",
    ),
    note(
        "unused-calendar",
        "No job uses the calendar.",
        "It closes nothing: no job names it, and it does not choose jobs with applies_to.",
    ),
)
