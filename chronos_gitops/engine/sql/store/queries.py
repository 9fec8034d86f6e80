"""The statements of the ledger, as SQL; parameters are always bound by name."""

from collections.abc import Collection

EXECUTION_COLUMNS = (
    "id, job, scheduled_at, trigger_kind, status, reason, attempts, created_at, started_at, completed_at, "
    "status_code, error_class, error, version, commit_id, path, ticks, range_start, "
    "callback_deadline, heartbeat_at, message, called_back, draft, calendar, moved_to, moved_from, "
    "replay, replay_of, idempotency_key, variables, requires"
)

UNFINISHED_STATUS = "status IN ('pending', 'running', 'waiting')"
"""In the words of the indexes over what is unfinished. ``waiting`` is a running execution whose callback is awaited."""

ADD_DEFINITION = "INSERT INTO definitions (digest, document) VALUES (:digest, :document) ON CONFLICT DO NOTHING"

# A conflict on (job, tick) or (job, request_key) adds no row: it is recorded already.
ADD_EXECUTION = """
INSERT INTO executions (
    id, job, tick, request_key, scheduled_at, trigger_kind, status, reason, created_at, next_attempt_at,
    completed_at, version, commit_id, path, definition, ticks, range_start, owner, draft, calendar, moved_to,
    moved_from, message, replay, replay_of, idempotency_key, variables
) VALUES (
    :id, :job, :tick, :request_key, :scheduled_at, :trigger_kind, :status, :reason, :created_at, :next_attempt_at,
    :completed_at, :version, :commit_id, :path, :definition, :ticks, :range_start, :owner,
    :draft, :calendar, :moved_to, :moved_from, :message, :replay, :replay_of, :idempotency_key, :variables
) ON CONFLICT DO NOTHING
"""

UNFINISHED_OF_JOBS = f"""
SELECT id, job, owner, trigger_kind, scheduled_at FROM executions WHERE job IN (:jobs[]) AND {UNFINISHED_STATUS}
ORDER BY created_at, id
"""

# With the end of the newest item; NULL while it runs, or before the first one.
REPLAYING = """
SELECT job, (
    SELECT completed_at FROM replay_items JOIN executions ON executions.id = replay_items.execution
    WHERE replay_items.replay = replays.id ORDER BY position DESC LIMIT 1
) AS item_ended
FROM replays WHERE job IN (:jobs[]) AND state = 'running'
"""

DEFINITIONS = "SELECT digest FROM definitions WHERE digest IN (:digests[])"

REPLACE_UNFINISHED = f"""
UPDATE executions SET
    status = 'cancelled', reason = 'replaced', completed_at = :at, next_attempt_at = NULL, callback_deadline = NULL
WHERE id IN (:ids[]) AND {UNFINISHED_STATUS} RETURNING id
"""

UNFINISHED_WITH_DEFINITIONS = f"""
SELECT id, job, owner, trigger_kind, status, created_at, document
FROM executions JOIN definitions ON digest = definition
WHERE job IN (:jobs[]) AND {UNFINISHED_STATUS} ORDER BY scheduled_at, created_at, id
"""

CANCEL_PENDING = """
UPDATE executions SET status = 'cancelled', reason = :reason, completed_at = :at, next_attempt_at = NULL
WHERE id IN (:ids[]) AND status = 'pending' RETURNING id, owner
"""

CANCEL_UNFINISHED = f"""
UPDATE executions SET
    status = 'cancelled', reason = 'operator', error = :error, completed_at = :at, next_attempt_at = NULL,
    callback_deadline = NULL
WHERE id = :id AND {UNFINISHED_STATUS} RETURNING owner
"""

BY_TICKS = f"""
SELECT {EXECUTION_COLUMNS}, tick, owner FROM PAIRS(:ticks) AS asked
JOIN executions ON executions.job = asked.name AND executions.tick = asked.number
"""

BY_REQUEST_KEY_OR_ID = f"""
SELECT {EXECUTION_COLUMNS}, owner FROM executions WHERE job = :job AND request_key = CAST(:request_key AS TEXT)
UNION ALL SELECT {EXECUTION_COLUMNS}, owner FROM executions WHERE id = :id
"""

START_EXECUTION = f"""
UPDATE executions SET status = 'running', started_at = coalesce(started_at, :at), next_attempt_at = NULL
WHERE id = :id AND fence = :fence AND {UNFINISHED_STATUS}
"""

# Of the runner that has the execution now, and of no earlier owner; not again after a commit of unknown outcome.
ADD_ATTEMPT = """
INSERT INTO attempts (execution, number, started_at, duration_ms, status_code, error_class, error, response, phases,
    context)
SELECT
    id, CAST(:number AS INTEGER), CAST(:started_at AS BIGINT), CAST(:duration_ms AS INTEGER),
    CAST(:status_code AS INTEGER), CAST(:error_class AS TEXT), CAST(:error AS TEXT), CAST(:response AS TEXT),
    CAST(:phases AS TEXT), CAST(:context AS TEXT)
FROM executions WHERE id = :execution AND fence = :fence AND attempts < :number
ON CONFLICT DO NOTHING
"""

# A row that was cancelled or called back meanwhile keeps its end; one that has changed hands belongs to its new owner.
AFTER_ATTEMPT = f"""
UPDATE executions SET
    attempts = :attempts, status = :status,
    started_at = coalesce(started_at, :started_at), status_code = :status_code, error_class = :error_class,
    error = :error,
    next_attempt_at = :next_attempt_at, completed_at = :completed_at, callback_deadline = :callback_deadline,
    times = :times, response = :response, response_headers = :response_headers, context = :context
WHERE id = :id AND fence = :fence AND {UNFINISHED_STATUS}
"""

# The target called back before it answered: the execution has its end, and the answer belongs to it.
ANSWERED_LATE = """
UPDATE executions SET attempts = :attempts, status_code = :status_code
WHERE id = :id AND fence = :fence AND called_back = 1 AND attempts < :attempts
"""

# Under the lock of its row, so that of two callbacks and the deadline exactly one ends it.
HOLD_EXECUTION = f"SELECT {EXECUTION_COLUMNS}, owner FROM executions WHERE id = :id FOR UPDATE"

END_BY_CALLBACK = f"""
UPDATE executions SET
    status = :status, completed_at = :completed_at, error_class = :error_class, error = :error, message = :message,
    called_back = 1, callback_deadline = NULL, next_attempt_at = NULL
WHERE id = :id AND {UNFINISHED_STATUS}
"""

HEARD = "UPDATE executions SET heartbeat_at = :heartbeat_at, message = :message WHERE id = :id"

# The deadline counts only while it is still the one that was waited for.
CALLBACK_OVERDUE = f"""
UPDATE executions SET
    status = :status, error_class = :error_class, error = :error, next_attempt_at = :next_attempt_at,
    completed_at = :completed_at, callback_deadline = NULL
WHERE id = :id AND fence = :fence AND {UNFINISHED_STATUS} AND callback_deadline = :deadline
"""

# After a commit of unknown outcome: was it written?
IS_OVERDUE = """
SELECT 1 FROM executions WHERE id = :id AND fence = :fence AND attempts = :attempts AND status = :status
AND callback_deadline IS NULL AND called_back = 0 AND error_class = :error_class
"""

ATTEMPT_OVERDUE = """
UPDATE attempts SET error_class = :error_class, error = :error WHERE execution = :id AND number = :attempts
"""

CALLED_BACK = "SELECT id FROM executions WHERE id IN (:ids[]) AND called_back = 1"

ADD_SIGNING_KEY = "INSERT INTO signing_keys (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING"

SIGNING_KEY = "SELECT value FROM signing_keys WHERE name = :name"

ADD_IDENTITY = "INSERT INTO identities (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING"

SET_IDENTITY = f"{ADD_IDENTITY.removesuffix('DO NOTHING')}(name) DO UPDATE SET value = excluded.value"

IDENTITY = "SELECT value FROM identities WHERE name = :name"

# After a commit of unknown outcome: was it written?
IS_RECORDED = "SELECT 1 FROM executions WHERE id = :id AND fence = :fence AND attempts = :attempts AND status = :status"

IS_OURS = f"SELECT 1 FROM executions WHERE id = :id AND fence = :fence AND {UNFINISHED_STATUS}"

COUNT_ATTEMPTS = "UPDATE executions SET attempts = :attempts WHERE id = :id AND fence = :fence"

UNFINISHED = f"""
SELECT {EXECUTION_COLUMNS}, next_attempt_at, fence, document FROM executions JOIN definitions ON digest = definition
WHERE id IN (:ids[]) ORDER BY scheduled_at, created_at, id
"""

UNFINISHED_OF_OWNER = f"SELECT id FROM executions WHERE owner = :owner AND {UNFINISHED_STATUS}"

# Of what this runner believes to run: what was cancelled, and what belongs to another runner by now.
LOST = """
SELECT id, status, reason FROM executions
WHERE id IN (:ids[]) AND (status = 'cancelled' OR owner IS NULL OR owner <> :owner)
"""

TAKE_ALL = f"""
UPDATE executions SET owner = :owner, fence = fence + 1 WHERE {UNFINISHED_STATUS} AND
(owner IS NULL OR owner <> :owner)
"""

SKIPPED_AFTER = """
SELECT id, range_start, reason FROM executions WHERE job = :job AND tick > :at AND status = 'skipped'
"""

SHORTEN_SKIPPED = (
    "UPDATE executions SET id = :new_id, tick = :tick, scheduled_at = :tick, ticks = :ticks WHERE id = :id"
)

DROP_EXECUTION = "DELETE FROM executions WHERE id = :id"

EARLY_OF_OWNER = """
SELECT id FROM executions WHERE owner = :owner AND status = 'pending' AND attempts = 0 AND tick > :after
"""

# One step in the index over (job, tick) for each of many jobs, in one question.
NEWEST_TICKS = """
SELECT asked.value AS job, (SELECT max(tick) FROM executions WHERE job = asked.value) AS tick
FROM EACH(:jobs[]) AS asked
"""

TICKS_RECORDED = """
SELECT tick FROM executions WHERE job = :job AND tick BETWEEN :first AND :last ORDER BY tick
"""

_PAUSE_COLUMNS = "job, reason, paused_by, paused_at, until, bulk, extends, version, content, beside"

PAUSES = f"SELECT {_PAUSE_COLUMNS} FROM pauses"

PAUSED = "SELECT job FROM pauses WHERE job IN (:jobs[])"

SET_PAUSE = """
INSERT INTO pauses (job, reason, paused_by, paused_at, until, bulk, extends, version, content, beside)
VALUES (:job, :reason, :paused_by, :paused_at, :until, :bulk, :extends, :version, :content, :beside)
ON CONFLICT (job) DO UPDATE SET
    reason = excluded.reason, paused_by = excluded.paused_by, paused_at = excluded.paused_at, until = excluded.until,
    bulk = excluded.bulk, extends = excluded.extends, version = excluded.version, content = excluded.content,
    beside = excluded.beside
"""

PAUSE_OF_JOB = f"SELECT {_PAUSE_COLUMNS} FROM pauses WHERE job = :job"

DROP_PAUSE = "DELETE FROM pauses WHERE job = :job"

LOG_PAUSE = """
INSERT INTO ended_pauses (job, reason, paused_by, paused_at, ended_at)
VALUES (:job, :reason, :paused_by, :paused_at, :ended_at) ON CONFLICT DO NOTHING
"""

PAUSES_OF_JOB = f"""
SELECT {_PAUSE_COLUMNS} FROM pauses WHERE job = :job
UNION ALL
SELECT job, reason, paused_by, paused_at, ended_at, NULL, NULL, NULL, NULL, NULL FROM ended_pauses
WHERE job = :job AND ended_at >= :since
ORDER BY paused_at
"""

# A step from job to job over the index; DISTINCT would read every row.
JOBS = """
WITH RECURSIVE names (job) AS (
    SELECT min(job) FROM executions
    UNION ALL SELECT (SELECT min(job) FROM executions WHERE job > names.job) FROM names WHERE names.job IS NOT NULL
) SELECT job FROM names WHERE job IS NOT NULL
"""

ADD_BULK_CALL = "INSERT INTO bulk_calls (id, at, document, items) VALUES (:id, :at, :document, :items)"

BULK_CALL = "SELECT document, items FROM bulk_calls WHERE id = :id"

FORGET_BULK_CALLS = "DELETE FROM bulk_calls WHERE at <= :until"

FORGET_REPLAYS = "DELETE FROM replays WHERE ended_at <= :until"

FORGET_PAUSES = "DELETE FROM ended_pauses WHERE ended_at <= :until"

FORGET_DEFINITIONS = """
DELETE FROM definitions WHERE digest IN (
    SELECT digest FROM definitions WHERE NOT EXISTS (SELECT 1 FROM executions WHERE definition = digest) LIMIT :limit
)
"""

BY_ID = f"SELECT {EXECUTION_COLUMNS} FROM executions WHERE id = :id"

DEFINITION_OF = "SELECT document FROM definitions JOIN executions ON digest = definition WHERE id = :id"

ATTEMPTS = """
SELECT number, started_at, duration_ms, status_code, error_class, error, response, phases, context FROM attempts
WHERE execution = :id ORDER BY number
"""

PLAIN_ATTEMPT = """
SELECT attempts, started_at, status_code, times, response, response_headers, document
FROM executions LEFT JOIN contexts ON contexts.key = context WHERE id = :id AND times IS NOT NULL
"""

# One step in the index over (job, scheduled_at) for each of many jobs, in one question.
LATEST = f"""
SELECT {EXECUTION_COLUMNS} FROM EACH(:jobs[]) AS asked JOIN executions ON executions.id = (
    SELECT newest.id FROM executions AS newest WHERE newest.job = asked.value AND newest.scheduled_at <= :until
    ORDER BY newest.scheduled_at DESC, newest.id DESC LIMIT 1
)
"""

# Rows of ticks, not of manual triggers, ranges apart: each by the index over (job, scheduled_at).
TICKS_BETWEEN = f"""
SELECT {EXECUTION_COLUMNS} FROM executions
WHERE job = :job AND scheduled_at BETWEEN :since AND :until AND tick IS NOT NULL ORDER BY scheduled_at
"""

RANGE_OVER = f"""
SELECT {EXECUTION_COLUMNS} FROM executions
WHERE job = :job AND scheduled_at > :until AND range_start <= :until ORDER BY scheduled_at LIMIT 1
"""

# One step in the index over (job, completed_at) of successes.
LAST_SUCCESS = f"""
SELECT {EXECUTION_COLUMNS} FROM executions WHERE job = :job AND status = 'success' AND completed_at <= :until
ORDER BY completed_at DESC LIMIT 1
"""

# As ``requires.gates.Wanted`` says: the newest of them, by the index over (job, completed_at) of successes.
SUCCESS_WANTED = f"""
SELECT {EXECUTION_COLUMNS} FROM executions
WHERE job = :job AND status = 'success' AND completed_at > :after AND completed_at <= :until AND (
    trigger_kind <> 'replay'
    OR scheduled_at > CASE WHEN completed_at > :since THEN completed_at ELSE :since END - :within
)
ORDER BY completed_at DESC, id DESC LIMIT 1
"""

AT_GATE = """
UPDATE executions SET requires = :requires WHERE id = :id AND fence = :fence AND status = 'pending'
"""

SKIPPED_AT_GATE = """
UPDATE executions SET
    requires = :requires, status = 'skipped', reason = 'requires', completed_at = :at, next_attempt_at = NULL
WHERE id = :id AND fence = :fence AND status = 'pending'
"""

RUNNING = f"""
SELECT {EXECUTION_COLUMNS} FROM executions WHERE job = :job AND {UNFINISHED_STATUS}
ORDER BY scheduled_at, id
"""

# As the index executions_by_version has it, which alone answers this.
ENDED_OF_VERSIONS = """
SELECT commit_id, status, COUNT(*) AS count, MIN(scheduled_at) AS first, MAX(scheduled_at) AS last,
       JOINED(completed_at - started_at) AS durations
FROM executions
WHERE job = :job AND status IN ('success', 'failed', 'skipped', 'cancelled') AND commit_id IS NOT NULL AND draft IS NULL
GROUP BY commit_id, status
"""


def edge(*, failed: bool) -> str:
    """The newest row that is one too many: this one and older ones go. A tie on its time goes as a whole."""
    return (
        f"SELECT scheduled_at FROM executions WHERE job = :job AND {_class(failed)} "
        "ORDER BY scheduled_at DESC LIMIT 1 OFFSET :rows"
    )


def forget(*, failed: bool) -> str:
    chosen = f"job = :job AND scheduled_at <= :until AND {_class(failed)} ORDER BY scheduled_at LIMIT :limit"
    return f"DELETE FROM executions WHERE id IN (SELECT id FROM executions WHERE {chosen})"


def _class(failed: bool) -> str:
    return "status = 'failed'" if failed else "status IN ('success', 'skipped', 'cancelled')"


_FILTERS = {
    "job": "job = :job",
    "statuses": "status IN (:statuses[])",
    "trigger": "trigger_kind = :trigger",
    "since": "scheduled_at >= :since",
    "until": "scheduled_at < :until",
    "before_at": "(scheduled_at, id) < (:before_at, :before_id)",
}


def executions(asked: Collection[str]) -> str:
    """The list, newest first, with just the conditions whose parameters are given, so that an index serves each."""
    conditions = " AND ".join(condition for name, condition in _FILTERS.items() if name in asked)
    where = f"WHERE {conditions} " if conditions else ""
    return f"SELECT {EXECUTION_COLUMNS} FROM executions {where}ORDER BY scheduled_at DESC, id DESC LIMIT :limit"
