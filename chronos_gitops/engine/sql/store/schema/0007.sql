-- An execution whose target has accepted the work waits for its callback until the deadline; NULL: it does not wait.
ALTER TABLE executions ADD COLUMN callback_deadline BIGINT;
ALTER TABLE executions ADD COLUMN heartbeat_at BIGINT;
ALTER TABLE executions ADD COLUMN message TEXT;
ALTER TABLE executions ADD COLUMN called_back INTEGER NOT NULL DEFAULT 0;

-- What all runners on this database sign with.
CREATE TABLE signing_keys (
    name   TEXT PRIMARY KEY,
    value  TEXT NOT NULL
);
