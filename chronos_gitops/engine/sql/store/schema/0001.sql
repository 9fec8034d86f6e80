-- Instants are whole milliseconds since 1970-01-01T00:00Z.

-- Each distinct job document once: an execution runs the job as it was when it was claimed.
CREATE TABLE definitions (
    digest    TEXT PRIMARY KEY,
    document  TEXT NOT NULL
);

-- The row is the guarantee: UNIQUE (job, tick) is the only thing that makes a tick unique.
CREATE TABLE executions (
    id               TEXT PRIMARY KEY,
    job              TEXT NOT NULL,
    tick             BIGINT,              -- NULL for a manual trigger
    request_key      TEXT,                -- Idempotency-Key of a manual trigger
    scheduled_at     BIGINT NOT NULL,
    trigger_kind     TEXT NOT NULL,
    status           TEXT NOT NULL,
    reason           TEXT,
    attempts         INTEGER NOT NULL DEFAULT 0,
    created_at       BIGINT NOT NULL,
    started_at       BIGINT,
    next_attempt_at  BIGINT,
    completed_at     BIGINT,
    status_code      INTEGER,
    error_class      TEXT,
    error            TEXT,
    version          INTEGER,
    commit_id        TEXT,
    path             TEXT,                -- the job file, which secrets bound to folders ask for
    definition       TEXT REFERENCES definitions (digest),
    ticks            INTEGER NOT NULL DEFAULT 1,  -- a skipped row may stand for several ticks,
    range_start      BIGINT,                      -- from here to scheduled_at
    UNIQUE (job, tick),
    UNIQUE (job, request_key)
);
CREATE INDEX executions_by_job ON executions (job, scheduled_at DESC, id DESC);
CREATE INDEX executions_by_time ON executions (scheduled_at DESC, id DESC);
CREATE INDEX executions_unfinished ON executions (job) WHERE status IN ('pending', 'running');

CREATE TABLE attempts (
    execution    TEXT NOT NULL REFERENCES executions (id) ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    started_at   BIGINT NOT NULL,
    duration_ms  INTEGER NOT NULL,
    status_code  INTEGER,
    error_class  TEXT,
    error        TEXT,
    response     TEXT,
    PRIMARY KEY (execution, number)
);

-- Ticks up to the watermark are accounted for; what lies behind it after an outage is enumerated, never guessed.
CREATE TABLE watermarks (
    job        TEXT PRIMARY KEY,
    schedule   TEXT NOT NULL,
    timezone   TEXT NOT NULL,
    watermark  BIGINT NOT NULL
);

CREATE TABLE pauses (
    job        TEXT PRIMARY KEY,
    reason     TEXT NOT NULL,
    paused_by  TEXT NOT NULL,
    paused_at  BIGINT NOT NULL,
    until      BIGINT
);
