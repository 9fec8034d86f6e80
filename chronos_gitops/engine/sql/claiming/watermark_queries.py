"""The statements over watermarks, in the common SQL of ``store.dialect``."""

_COLUMNS = "job, schedule, timezone, watermark, timing, moves"

HOLD_ALL = f"SELECT {_COLUMNS} FROM watermarks ORDER BY job FOR UPDATE"

HOLD_ONE = f"SELECT {_COLUMNS} FROM watermarks WHERE job = :job FOR UPDATE"

HOLD_SEVERAL = f"SELECT {_COLUMNS} FROM watermarks WHERE job IN (:jobs[]) ORDER BY job FOR UPDATE"

# Locks no row that another runner has decided already; one that lies ahead is to be taken back.
HOLD_DUE = f"""
SELECT {_COLUMNS} FROM PAIRS(:known) AS asked
JOIN watermarks ON job = asked.name AND (watermark = asked.number OR watermark > :ahead)
ORDER BY job LIMIT :limit FOR UPDATE OF watermarks SKIP LOCKED
"""

WATERMARKS = f"SELECT {_COLUMNS} FROM watermarks WHERE job IN (:jobs[])"

SET_WATERMARK = f"""
INSERT INTO watermarks ({_COLUMNS})
VALUES (:job, :schedule, :timezone, :watermark, :timing, :moves)
ON CONFLICT (job) DO UPDATE SET
    schedule = excluded.schedule, timezone = excluded.timezone, watermark = excluded.watermark,
    timing = excluded.timing, moves = excluded.moves
"""

# An edit ends the moves under way: the row of the held tick says so.
WITHDRAW_MOVE = """
UPDATE executions SET moved_to = NULL, message = :message
WHERE job = :job AND tick > :since AND tick < :target AND moved_to = :target
AND status = 'skipped' AND reason = 'calendar'
"""

DROP_WATERMARKS = "DELETE FROM watermarks WHERE job IN (:jobs[])"
