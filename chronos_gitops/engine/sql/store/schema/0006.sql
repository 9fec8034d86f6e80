-- What was told of each incident, by channel: `subject` is "job:NAME" or "sync:TOPIC", or "" for since when the channel
-- is known. Who writes says which `number` it has read, so that two runners never tell the same twice.
CREATE TABLE notify_watches (
    channel     TEXT NOT NULL,
    subject     TEXT NOT NULL,
    number      BIGINT NOT NULL,
    document    TEXT NOT NULL,
    is_open     INTEGER NOT NULL,
    changed_at  BIGINT NOT NULL,
    PRIMARY KEY (channel, subject)
);

-- Messages that were not sent yet; one that a runner, its owner, is sending is due again when that must have ended.
CREATE TABLE notify_messages (
    id          TEXT PRIMARY KEY,
    channel     TEXT NOT NULL,
    subject     TEXT NOT NULL,
    document    TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    owner       TEXT,
    attempts    INTEGER NOT NULL DEFAULT 0,
    error       TEXT
);
CREATE INDEX notify_messages_by_channel ON notify_messages (channel, subject, created_at);
