-- The texts (JSON) that a manual trigger gave to variables of the job.
ALTER TABLE executions ADD COLUMN variables TEXT;
