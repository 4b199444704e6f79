-- From version 2 to version 3: what it makes is word for word what `schema.sql` makes.

-- Definitions may be graphs. Only a CHECK grows, which no row depends on, so its text is replaced where it stands: the table
-- is not written anew, and what refers to it goes on referring to it.
PRAGMA writable_schema = ON;

UPDATE sqlite_schema
SET sql = replace(sql, 'CHECK (format IN (''steps''))', 'CHECK (format IN (''steps'', ''graph''))')
WHERE type = 'table' AND name = 'definition';

-- Switches it off and reads the schema again.
PRAGMA writable_schema = RESET;

CREATE TABLE graph_record (
    workflow            INTEGER PRIMARY KEY REFERENCES workflow (sequence) ON DELETE CASCADE,
    tags                TEXT NOT NULL CHECK (json_valid(tags)),
    media_id            TEXT,
    team_id             TEXT,
    -- Of the definition's trigger, to find the workflow by; NULL once it is archived.
    webhook_id          TEXT UNIQUE,
    is_webhook_open     INTEGER NOT NULL CHECK (is_webhook_open IN (0, 1)),
    link_permission     TEXT NOT NULL CHECK (link_permission IN ('PRIVATE', 'VIEW', 'EDIT')),
    execution_count     INTEGER NOT NULL DEFAULT 0 CHECK (execution_count >= 0),
    last_executed_at_ms INTEGER,
    CHECK (webhook_id IS NOT NULL OR is_webhook_open = 0)
) STRICT;

CREATE TABLE node_output (
    workflow INTEGER NOT NULL REFERENCES workflow (sequence) ON DELETE CASCADE,
    node_id  TEXT NOT NULL,
    params   TEXT NOT NULL CHECK (json_valid(params)),
    output   TEXT NOT NULL CHECK (json_valid(output)),
    run_id   TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (workflow, node_id)
) STRICT;
