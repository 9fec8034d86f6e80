"""The part of a skipped range that had come when a clock that was ahead is right again. Pure."""

from datetime import datetime

from chronos_gitops.engine.model import Reason
from chronos_gitops.engine.ticks.due_queue import Missed, given_up
from chronos_gitops.schedule.timing import Timing


def skipped_until(timing: Timing, reason: Reason, since: datetime, until: datetime) -> Missed | None:
    """The ticks in (since, until] that are missed by this timing, or held by its calendars; None if there is none."""
    if since >= until:
        return None
    if reason is not Reason.CALENDAR:
        return given_up(timing, since, until)
    ranges = list(timing.held_ranges(since, until))
    if not ranges:
        return None
    return Missed(sum(one.count for one in ranges), ranges[0].first, ranges[-1].last)
