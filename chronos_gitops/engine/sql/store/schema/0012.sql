-- An execution of a draft has no version: JSON [version, commit] of the last committed one. NULL for one that is no draft.
ALTER TABLE executions ADD COLUMN draft TEXT;
