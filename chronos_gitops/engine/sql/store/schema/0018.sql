-- Scheduled times that run again: the replay, the execution of the scheduled time, and the Idempotency-Key that is sent
-- where it is not the id.
ALTER TABLE executions ADD COLUMN replay TEXT;
ALTER TABLE executions ADD COLUMN replay_of TEXT;
ALTER TABLE executions ADD COLUMN idempotency_key TEXT;

CREATE TABLE replays (
    id            TEXT PRIMARY KEY,
    job           TEXT NOT NULL,
    state         TEXT NOT NULL,
    requested_by  TEXT NOT NULL,
    reason        TEXT NOT NULL,
    pace_ms       BIGINT NOT NULL,
    next_at       BIGINT NOT NULL,   -- no item begins before, for the pace
    created_at    BIGINT NOT NULL,
    ended_at      BIGINT
);
CREATE UNIQUE INDEX replays_of_job ON replays (job) WHERE state = 'running';

-- An item has an execution once it has begun.
CREATE TABLE replay_items (
    replay           TEXT NOT NULL REFERENCES replays (id) ON DELETE CASCADE,
    position         INTEGER NOT NULL,
    scheduled_at     BIGINT NOT NULL,
    replay_of        TEXT NOT NULL,
    idempotency_key  TEXT,
    execution        TEXT,
    PRIMARY KEY (replay, position)
);
