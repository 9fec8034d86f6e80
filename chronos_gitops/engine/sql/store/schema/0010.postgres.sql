DROP INDEX executions_by_owner;
CREATE INDEX executions_by_owner ON executions (owner) WHERE status IN ('pending', 'running', 'waiting');
