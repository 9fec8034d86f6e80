-- Where the time of an attempt went: JSON of milliseconds by phase; NULL when nothing was sent.
ALTER TABLE attempts ADD COLUMN phases TEXT;
