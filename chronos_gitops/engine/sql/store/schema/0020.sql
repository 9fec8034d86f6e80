-- Jobs whose newest preflight failed, as JSON; the row without a name is the newest daily preflight.
CREATE TABLE preflights (
    job       TEXT PRIMARY KEY,
    document  TEXT NOT NULL
);
