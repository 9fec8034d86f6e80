-- What tells this state from that of every other installation: made once, shared by replicas, part of each dump.
CREATE TABLE identities (
    name   TEXT PRIMARY KEY,
    value  TEXT NOT NULL
);
