-- Each distinct context of attempts once a month: address, certificate, secrets by fingerprint, tzdata, runner. JSON.
CREATE TABLE contexts (
    key       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest    TEXT NOT NULL UNIQUE,
    month     INTEGER NOT NULL,      -- 12 * year + month - 1
    document  TEXT NOT NULL
);
