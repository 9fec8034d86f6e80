-- Answers how the executions of each version ended, without reading their rows; one entry when an execution ends.
CREATE INDEX executions_by_version ON executions (job, commit_id, status, scheduled_at, started_at, completed_at, draft)
WHERE status IN ('success', 'failed', 'skipped', 'cancelled') AND commit_id IS NOT NULL AND draft IS NULL;
