"""Rules about what a job owes, and about its gate."""

from chronos_gitops.jobs.rule import error, warning

RULES = (
    error(
        "expect-range",
        "No execution can be as long as min_duration.",
        "An execution takes at most max_attempts times the timeout, plus the waits between attempts. "
        "min_duration has to be shorter than that, and shorter than max_duration.",
        "timeout: 30s\nexpect: {min_duration: 5m}",
        "timeout: 30s\nexpect: {min_duration: 1s}",
    ),
    error(
        "expect-time",
        "finish_by is not a wall-clock time.",
        "Write hours and minutes with two digits each, from 00:00 to 23:59, in the time zone of the job.",
        'expect: {finish_by: "6:00"}',
        'expect: {finish_by: "06:00"}',
    ),
    warning(
        "expect-unkeepable",
        "success_every is shorter than the longest time between two successes.",
        "The expectation may be broken even if every execution succeeds: the longest interval between scheduled "
        "times, the jitter and the longest execution together exceed it. A day on which the clock is set back "
        "has 25 hours.",
        'schedule: "0 2 * * *"\ntimezone: Europe/Paris\nexpect: {success_every: 24h}',
        'schedule: "0 2 * * *"\ntimezone: Europe/Paris\nexpect: {success_every: 26h}',
    ),
    warning(
        "expect-tight",
        "An execution within its limits may end after finish_by.",
        "With all its attempts and waits, an execution may take longer than the time from its scheduled time to "
        "finish_by.",
        'schedule: "0 5 * * *"\ntimeout: 30m\nexpect: {finish_by: "06:00"}',
        'schedule: "0 5 * * *"\ntimeout: 10m\nexpect: {finish_by: "06:00"}',
    ),
    warning(
        "expect-never",
        "The job cannot exceed max_duration.",
        "The timeout and the number of attempts end an execution before that.",
        "timeout: 30s\nexpect: {max_duration: 2h}",
        "timeout: 30s\nexpect: {max_duration: 2m}",
    ),
    error(
        "requires-unknown",
        "requires names a job that does not exist.",
        "The gate would never open. If a job was removed or renamed, change or remove requires in the jobs that "
        "name it; until then they keep their last good version.",
    ),
    error(
        "requires-self",
        "requires names the job itself.",
        "A job that waits for its own success never starts on schedule.",
        "requires: {job: daily-backup, success_within: 24h}",
        "requires: {job: nightly-extract, success_within: 24h}",
    ),
    error(
        "requires-cycle",
        "Jobs require each other in a cycle.",
        "Each job waits for a success of the next one, so none of them starts on schedule. Remove requires from "
        "one of them.",
    ),
)
