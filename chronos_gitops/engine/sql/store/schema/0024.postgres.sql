-- Each entry of an index is written twice for an execution, once when it is added and once when it ends. The few
-- unfinished ones are found by executions_unfinished, and a scheduled one has no Idempotency-Key of a caller.
DROP INDEX executions_by_owner;
ALTER TABLE executions DROP CONSTRAINT executions_job_request_key_key;
CREATE UNIQUE INDEX executions_by_request_key ON executions (job, request_key) WHERE request_key IS NOT NULL;
