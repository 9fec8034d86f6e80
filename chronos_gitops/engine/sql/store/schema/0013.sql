-- Calls that changed many jobs at once under an Idempotency-Key: the call and its answer, both JSON.
CREATE TABLE bulk_calls (
    id        TEXT PRIMARY KEY,
    at        BIGINT NOT NULL,
    document  TEXT NOT NULL,
    items     TEXT NOT NULL
);

-- The call that paused the job, and the shorter pause (JSON) that it took the place of.
ALTER TABLE pauses ADD COLUMN bulk TEXT;
ALTER TABLE pauses ADD COLUMN extends TEXT;
