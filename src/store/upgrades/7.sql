-- From version 6 to version 7: what it makes is word for word what `schema.sql` makes.

-- Keys that end soon are told too. As ADD COLUMN does, but with the text where `schema.sql` has it.
PRAGMA writable_schema = ON;

UPDATE sqlite_schema
SET sql = replace(replace(sql, '''often_limited'')', '''often_limited'', ''key_expiring'')'),
    'next_try_ms INTEGER,', 'next_try_ms INTEGER,
    -- Of a key that ends soon: when.
    expires_at_ms INTEGER,')
WHERE name = 'alert';

PRAGMA writable_schema = RESET;

-- How many calls of models and of other flows were made for one question: by the run of a flow, and by those that it has asked.
CREATE TABLE flow_use (
    run   INTEGER PRIMARY KEY REFERENCES run (sequence) ON DELETE CASCADE,
    -- The run where its calls count, if it is a flow that a flow has asked.
    root  INTEGER,
    calls INTEGER NOT NULL CHECK (calls >= 0)
) STRICT;

-- Each webhook was written into these; what they served is found by walking.
DROP INDEX webhook_event_by_provider;
DROP INDEX run_by_trigger;

CREATE INDEX run_by_trigger ON run (trigger_type) WHERE trigger_type = 'schedule' OR trigger_type = 'subworkflow';
