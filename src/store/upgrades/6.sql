-- From version 5 to version 6: what it makes is word for word what `schema.sql` makes.

-- Runs are looked for by what has started them.
CREATE INDEX run_by_trigger ON run (trigger_type)
    WHERE trigger_type = 'webhook' OR trigger_type = 'schedule' OR trigger_type = 'subworkflow';
