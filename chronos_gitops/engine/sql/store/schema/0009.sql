-- Work that a target has accepted is 'waiting' until its callback. Programs before this step take over what is 'pending'
-- or 'running', and would send it again: this status they leave alone.
DROP INDEX executions_unfinished;
CREATE INDEX executions_unfinished ON executions (job) WHERE status IN ('pending', 'running', 'waiting');
UPDATE executions SET status = 'waiting' WHERE status = 'running' AND callback_deadline IS NOT NULL;
