-- The release of the time zone database that a runner computes scheduled times from: the newest one decides what is due.
ALTER TABLE replicas ADD COLUMN release TEXT;
