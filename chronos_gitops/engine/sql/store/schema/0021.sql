-- The gate of an execution (JSON): the job it requires, since when it waits and until when, and what has opened it.
ALTER TABLE executions ADD COLUMN requires TEXT;
