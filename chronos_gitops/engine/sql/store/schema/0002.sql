-- Pauses that are over: they explain ticks that did not run.
CREATE TABLE ended_pauses (
    job        TEXT NOT NULL,
    reason     TEXT NOT NULL,
    paused_by  TEXT NOT NULL,
    paused_at  BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL,
    PRIMARY KEY (job, paused_at)
);

-- Retention asks which definitions nobody needs any more; without it each answer would read the whole table.
CREATE INDEX executions_by_definition ON executions (definition);
