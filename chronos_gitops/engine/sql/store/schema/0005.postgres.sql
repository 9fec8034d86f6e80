-- Runners that share this database. Who does not renew its lease in time is taken for dead; the database's clock decides.
CREATE TABLE replicas (
    id           TEXT PRIMARY KEY,
    place        TEXT NOT NULL,    -- the data folder, which one runner at a time has
    revision     BIGINT,           -- the number of what it has applied
    lease_until  BIGINT NOT NULL
);

-- The order in which revisions were first seen by any replica: who has the newest one decides what is due.
CREATE TABLE revisions (
    revision  TEXT PRIMARY KEY,
    number    BIGINT NOT NULL UNIQUE
);

CREATE INDEX executions_by_owner ON executions (owner) WHERE status IN ('pending', 'running');
