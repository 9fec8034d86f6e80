-- The only attempt of a plain success is part of its execution's row, without a row in attempts: its times as
-- "offset,duration,dns,connect,tls,first_byte,read" in milliseconds, from started_at on.
ALTER TABLE executions ADD COLUMN times TEXT;
ALTER TABLE executions ADD COLUMN response TEXT;
ALTER TABLE executions ADD COLUMN response_headers TEXT;  -- JSON
ALTER TABLE executions ADD COLUMN context BIGINT;         -- contexts.key
