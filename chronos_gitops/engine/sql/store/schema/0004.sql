-- Whose it is while it has not ended, and how often it has changed hands: what was under way counts only under the
-- newest fence.
ALTER TABLE executions ADD COLUMN owner TEXT;
ALTER TABLE executions ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
