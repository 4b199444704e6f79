-- From version 6 to version 7: what it makes is word for word what `schema.sql` makes.

-- Each webhook was written into these; what they served is found by walking.
DROP INDEX webhook_event_by_provider;
DROP INDEX run_by_trigger;

CREATE INDEX run_by_trigger ON run (trigger_type) WHERE trigger_type = 'schedule' OR trigger_type = 'subworkflow';
