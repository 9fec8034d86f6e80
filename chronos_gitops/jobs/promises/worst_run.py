"""The longest that one execution of a job can take."""

from datetime import timedelta
from typing import Final

from chronos_gitops.jobs.model import Job

_LONGEST_WAIT: Final = 1.2
"""Waits vary by 20 %, and a Retry-After may ask for the longest one."""


def worst_run(job: Job) -> timedelta:
    return longest(job.retry_policy.max_attempts, job.attempt_timeout, job.retry_policy.max_interval)


def longest(max_attempts: int, attempt_timeout: timedelta, max_interval: timedelta) -> timedelta:
    return max_attempts * attempt_timeout + (max_attempts - 1) * _LONGEST_WAIT * max_interval
