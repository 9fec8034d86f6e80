"""The names by which workflows, activities and queues know each other; histories hold them, so they never change."""

from datetime import timedelta

TIMETABLES = "chronos-timetables"
EXECUTIONS = "chronos-executions"
"""Two task queues: a runner that drains leaves the first one at once and goes on with the second."""

TURNS = "chronos-turns"
"""No worker polls it: such a workflow only is there, under an id that one at a time can have."""

TURN = "ChronosTurn"
TIMETABLE = "ChronosTimetable"
EXECUTION = "ChronosExecution"
SIGNING_KEY = "ChronosSigningKey"
IDENTITY = "ChronosIdentity"

DECIDE, SETTLE, WATCH, ATTEMPT, TELL = "decide", "settle", "watch", "attempt", "tell"

APPLY, REMOVE, PAUSE, RESUME, TRIGGER = "apply", "remove", "pause", "resume", "trigger"
GO, END, CANCEL, CALL_BACK = "go", "end", "cancel", "call_back"

ROW, NEWEST, PAUSES, KEY = "row", "newest", "pauses", "key"
"""Keys of memos: an execution's row; a timetable's newest execution, and its pauses, the one that holds last; the key
that callbacks are signed with."""

HEARTBEAT = timedelta(seconds=1)
HEARTBEAT_TIMEOUT = timedelta(seconds=15)
"""A runner that is silent for so long has lost its requests; they are sent again, under the same ids."""


def timetable_id(job: str) -> str:
    return f"timetable/{job}"
