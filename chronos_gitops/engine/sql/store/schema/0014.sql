-- The success of a job that ended last: without it a job of 10,000 failures is read as a whole.
CREATE INDEX executions_by_success ON executions (job, completed_at) WHERE status = 'success';

-- From when each expectation of a job counts, and what it counted for: another limit or schedule begins anew.
CREATE TABLE expectations (
    job     TEXT NOT NULL,
    kind    TEXT NOT NULL,
    counts  TEXT NOT NULL,
    since   BIGINT NOT NULL,
    PRIMARY KEY (job, kind)
);
