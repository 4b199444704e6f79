-- From version 2 to version 3: what it makes is word for word what `schema.sql` makes.

ALTER TABLE run ADD COLUMN account TEXT;

ALTER TABLE run ADD COLUMN step_count INTEGER NOT NULL DEFAULT 0 CHECK (step_count >= 0);

ALTER TABLE run ADD COLUMN has_own_definition INTEGER NOT NULL DEFAULT 0 CHECK (has_own_definition IN (0, 1));

ALTER TABLE run ADD COLUMN top INTEGER;

-- A run above another was made before it.
WITH RECURSIVE above (run, at) AS (
    SELECT sequence, parent FROM run WHERE parent IS NOT NULL AND (status = 'pending' OR status = 'running')
    UNION ALL
    SELECT above.run, run.parent FROM above JOIN run ON run.sequence = above.at WHERE run.parent IS NOT NULL
)
UPDATE run SET top = (SELECT min(at) FROM above WHERE above.run = run.sequence)
WHERE parent IS NOT NULL AND (status = 'pending' OR status = 'running');

CREATE INDEX run_unfinished_by_top ON run (top) WHERE top IS NOT NULL AND (status = 'pending' OR status = 'running');

CREATE INDEX run_awaiting ON run (awaits_others) WHERE awaits_others = 1;

CREATE INDEX run_by_own_definition ON run (definition) WHERE has_own_definition = 1;

-- Usage is counted when a run ends, so unfinished runs need to know for whom, and what they have done so far. A run names the
-- text of a key that started it; the key's id survives its texts.
UPDATE run SET
    account = coalesce(
        (SELECT k.id FROM api_key_secret s JOIN api_key k ON k.sequence = s.key WHERE s.public_id = run.started_by),
        started_by),
    step_count = (
        SELECT count(*) FROM journal j JOIN json_each(j.events) e
        WHERE j.position >= run.sequence * 16777216 AND j.position < (run.sequence + 1) * 16777216
            AND e.value ->> 'type' IN ('step.completed', 'step.failed'))
WHERE status = 'pending' OR status = 'running';

CREATE TABLE usage (
    account          TEXT NOT NULL,
    -- Since 1970-01-01.
    day              INTEGER NOT NULL,
    read_requests    INTEGER NOT NULL CHECK (read_requests >= 0),
    write_requests   INTEGER NOT NULL CHECK (write_requests >= 0),
    execute_requests INTEGER NOT NULL CHECK (execute_requests >= 0),
    refused_requests INTEGER NOT NULL CHECK (refused_requests >= 0),
    started_runs     INTEGER NOT NULL CHECK (started_runs >= 0),
    completed_runs   INTEGER NOT NULL CHECK (completed_runs >= 0),
    failed_runs      INTEGER NOT NULL CHECK (failed_runs >= 0),
    cancelled_runs   INTEGER NOT NULL CHECK (cancelled_runs >= 0),
    steps            INTEGER NOT NULL CHECK (steps >= 0),
    run_ms           INTEGER NOT NULL CHECK (run_ms >= 0),
    credits          INTEGER NOT NULL CHECK (credits >= 0),
    PRIMARY KEY (account, day)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_by_day ON usage (day);

CREATE TABLE credit (
    only  INTEGER PRIMARY KEY CHECK (only = 1),
    spent INTEGER NOT NULL CHECK (spent >= 0)
) STRICT;

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
    -- The name under which it is published as an app; NULL once it is archived.
    app_slug            TEXT UNIQUE,
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

CREATE TABLE media (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    content_type  TEXT NOT NULL,
    size_bytes    INTEGER NOT NULL CHECK (size_bytes >= 0),
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
