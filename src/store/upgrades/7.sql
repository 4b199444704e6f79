-- From version 6 to version 7: what it makes is word for word what `schema.sql` makes.

-- How many calls of models and of other flows were made by a run and the runs below it.
CREATE TABLE flow_use (
    run   INTEGER PRIMARY KEY REFERENCES run (sequence) ON DELETE CASCADE,
    calls INTEGER NOT NULL CHECK (calls >= 0)
) STRICT;
