-- Logins of browsers: the SHA-256 of the random id that the cookie holds, who logged in, how, and the claims that grants
-- are judged by. A row that is gone is a session that has ended.
CREATE TABLE login_sessions (
    id        TEXT PRIMARY KEY,
    person    TEXT NOT NULL,      -- unique for its way in: a token's name, or issuer and subject
    name      TEXT NOT NULL,      -- shown
    via       TEXT NOT NULL,      -- the way in: token, an issuer's name, proxy
    claims    TEXT NOT NULL,      -- JSON
    address   TEXT NOT NULL,
    began_at  BIGINT NOT NULL,
    until     BIGINT NOT NULL
);
CREATE INDEX login_sessions_by_person ON login_sessions (via, person, began_at);
