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
APPLIED_REVISION = "ChronosAppliedRevision"
ENCRYPTION = "ChronosEncryption"
ZONE_DATA = "ChronosZoneData"
NEWEST_ZONE_DATA = "ChronosNewestZoneData"
BULK_CALL = "ChronosBulkCall"
DECISION = "ChronosDecision"
REPLAY = "ChronosReplay"

RECLAIM, WITHDRAW, WITHDRAW_MOVES = "reclaim", "withdraw", "withdraw_moves"
DECIDE, SETTLE, WATCH, ATTEMPT, TELL = "decide", "settle", "watch", "attempt", "tell"
WATCH_ALL = "watch_all"
GATE, PASS_GATE = "gate", "pass-gate"
TELL_REPLAY = "tell-replay"

APPLY, REMOVE, PAUSE, RESUME, TRIGGER, LOOK = "apply", "remove", "pause", "resume", "trigger", "look"
BULK_PAUSE, BULK_RESUME = "bulk_pause", "bulk_resume"
GO, END, CANCEL, CALL_BACK = "go", "end", "cancel", "call_back"
REPLAY_BATCH, REPLAY_END, REPLAY_NEWS, REPLAY_ADMITTED = "replay_batch", "replay_end", "replay_news", "admitted"
"""Between a replay and the timetable of its job; the last one is an update of the replay."""

ROW, NEWEST, PAUSES, PLAN, KEY, PROGRESS = "row", "newest", "pauses", "plan", "key", "progress"
"""Keys of memos: an execution's row; a timetable's newest execution, its pauses, the one that holds last, and its plan;
the key that callbacks are signed with; the progress of a replay."""

PLAN_PATCH, NEWEST_PATCH, REMOVE_PATCH = "publish-plan", "newest-ahead", "settle-on-remove"
REPLACE_PATCH, WATCH_PATCH = "end-replaced-at-once", "watch-all"
BOUND_PATCH, STOP_PATCH = "bound-wait-behind-replay", "refuse-late-stops"
RECLAIM_PATCH, WITHDRAW_PATCH = "reclaim-times-to-come", "withdraw-times-to-come"
CLOSE_HELD_PATCH, PORTION_PATCH = "close-held-at-pause", "claim-in-portions"
CONTINUE_PATCH = "continue-after-twenty"
"""Changes of workflow code that histories of earlier releases do not have."""

HEARTBEAT = timedelta(seconds=1)
HEARTBEAT_TIMEOUT = timedelta(seconds=15)
"""A runner that is silent for so long has lost its requests; they are sent again, under the same ids."""


def decisions(release: str) -> str:
    """The task queue of the runners with this release of the time zone database."""
    return f"chronos-decisions/{release}"


def timetable_id(job: str) -> str:
    return f"timetable/{job}"


def replay_workflow_id(replay: str) -> str:
    return f"replay/{replay}"
