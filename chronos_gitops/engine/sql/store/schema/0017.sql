-- Ticks that calendars hold or move, and what a job's ticks were decided by.
ALTER TABLE executions ADD COLUMN calendar TEXT;       -- JSON: the entry that held the tick
ALTER TABLE executions ADD COLUMN moved_to BIGINT;     -- the tick that takes its place
ALTER TABLE executions ADD COLUMN moved_from BIGINT;   -- the held tick whose place it takes
ALTER TABLE watermarks ADD COLUMN timing TEXT;         -- digest of the calendars' content too; NULL without calendars
ALTER TABLE watermarks ADD COLUMN moves TEXT;          -- JSON [[origin, target], ...] under way; NULL for none
-- What a digest in watermarks.timing stands for: JSON of the calendars that the job named, and of its freezes.
CREATE TABLE calendars (
    digest    TEXT PRIMARY KEY,
    document  TEXT NOT NULL
);
