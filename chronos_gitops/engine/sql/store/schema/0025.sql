-- The path and the commit of each calendar's file: a row can name them after the file is gone.
ALTER TABLE calendars ADD COLUMN files TEXT;  -- JSON {name: [path, commit]}; NULL in rows of earlier releases
