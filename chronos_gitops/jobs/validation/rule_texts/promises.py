"""Rules about what a job owes, and about its gate."""

from chronos_gitops.jobs.rule import error, warning

RULES = (
    error(
        "expect-range",
        "No run can be as long as min_duration.",
        "A run ends after max_attempts times the timeout and the waits between the attempts; min_duration has to be "
        "shorter than that, and than max_duration.",
        "timeout: 30s\nexpect: {min_duration: 5m}",
        "timeout: 30s\nexpect: {min_duration: 1s}",
    ),
    error(
        "expect-time",
        "finish_by is not a wall clock time.",
        "Write hours and minutes with two digits each, from 00:00 to 23:59, in the time zone of the job.",
        'expect: {finish_by: "6:00"}',
        'expect: {finish_by: "06:00"}',
    ),
    warning(
        "expect-unkeepable",
        "The longest wait and the longest run together exceed success_every.",
        "Even when every run succeeds the expectation is broken: the longest wait between two scheduled times, the "
        "jitter and the longest run together exceed it. Days on which the clock is set back have 25 hours.",
        'schedule: "0 2 * * *"\ntimezone: Europe/Paris\nexpect: {success_every: 24h}',
        'schedule: "0 2 * * *"\ntimezone: Europe/Paris\nexpect: {success_every: 26h}',
    ),
    warning(
        "expect-tight",
        "A run may end after finish_by though nothing is wrong with it.",
        "With all its attempts and waits a run takes longer than the time from its scheduled time to finish_by.",
        'schedule: "0 5 * * *"\ntimeout: 30m\nexpect: {finish_by: "06:00"}',
        'schedule: "0 5 * * *"\ntimeout: 10m\nexpect: {finish_by: "06:00"}',
    ),
    warning(
        "expect-never",
        "max_duration is never reached.",
        "The timeout of each attempt and the number of attempts end a run before.",
        "timeout: 30s\nexpect: {max_duration: 2h}",
        "timeout: 30s\nexpect: {max_duration: 2m}",
    ),
    error(
        "requires-unknown",
        "requires names a job that does not exist.",
        "Its gate would never open. After a job was removed or renamed, change or remove requires where it is named: "
        "until then those jobs keep their last good version.",
    ),
    error(
        "requires-self",
        "requires names the job itself.",
        "A job that waits for its own success never starts by its schedule.",
        "requires: {job: daily-backup, success_within: 24h}",
        "requires: {job: nightly-extract, success_within: 24h}",
    ),
    error(
        "requires-cycle",
        "Jobs wait for each other in a ring.",
        "Each of them waits for a success of the next one, so none of them starts by its schedule. Remove requires "
        "from one of them.",
    ),
)
