-- A pause by the guard: the version that only failed, the digest of its job, and (JSON) such a pause beside an operator's.
ALTER TABLE pauses ADD COLUMN version INTEGER;
ALTER TABLE pauses ADD COLUMN content TEXT;
ALTER TABLE pauses ADD COLUMN beside TEXT;

-- What the guard has decided of the content that each job has: JSON.
CREATE TABLE guards (
    job       TEXT PRIMARY KEY,
    document  TEXT NOT NULL
);
