-- From version 1 to version 2: what it makes is word for word what `schema.sql` makes.

ALTER TABLE run RENAME TO run_1;

CREATE TABLE run (
    sequence         INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT NOT NULL UNIQUE,
    workflow         INTEGER NOT NULL,
    workflow_version INTEGER NOT NULL,
    definition       INTEGER NOT NULL,
    status           TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
    -- How many events the journal has: the next chunk starts there.
    event_count      INTEGER NOT NULL CHECK (event_count BETWEEN 0 AND 16777216),
    trigger_type     TEXT NOT NULL CHECK (trigger_type IN ('api', 'webhook', 'schedule', 'subworkflow')),
    created_at_ms    INTEGER NOT NULL,
    started_at_ms    INTEGER,
    due_at_ms        INTEGER,
    -- Whether one of its steps waits for an answer or the end of another run.
    awaits_others    INTEGER NOT NULL DEFAULT 0 CHECK (awaits_others IN (0, 1)),
    finished_at_ms   INTEGER,
    started_by       TEXT,
    root_id          TEXT NOT NULL,
    retry_of         TEXT,
    -- The run whose step started it, and how many runs stand above it.
    parent           INTEGER,
    depth            INTEGER NOT NULL DEFAULT 0 CHECK (depth BETWEEN 0 AND 100),
    -- The uppermost of those, also where nobody waits for this one.
    top              INTEGER,
    error            TEXT,
    -- What the trigger handed over beside the input, as `{{trigger}}` shows it; JSON.
    trigger_data     TEXT,
    input            TEXT NOT NULL,
    output           TEXT,
    CHECK ((finished_at_ms IS NOT NULL) = (status IN ('completed', 'failed', 'cancelled'))),
    FOREIGN KEY (workflow, workflow_version) REFERENCES workflow_version (workflow, version)
) STRICT;

INSERT INTO run (sequence, id, workflow, workflow_version, definition, status, event_count, trigger_type, created_at_ms,
    started_at_ms, due_at_ms, finished_at_ms, started_by, root_id, retry_of, error, input, output)
SELECT sequence, id, workflow, workflow_version, definition, status, event_count, trigger_type, created_at_ms,
    started_at_ms, due_at_ms, finished_at_ms, started_by, root_id, retry_of, error, input, output
FROM run_1;

-- A number of a run is never given out again, also not one of a run that is gone.
DELETE FROM sqlite_sequence WHERE name = 'run';
UPDATE sqlite_sequence SET name = 'run' WHERE name = 'run_1';

-- With its indexes and triggers.
DROP TABLE run_1;

CREATE INDEX run_by_workflow ON run (workflow);

CREATE INDEX run_unfinished ON run (status) WHERE status = 'pending' OR status = 'running';

CREATE INDEX run_failed ON run (status) WHERE status = 'failed' OR status = 'cancelled';

CREATE INDEX run_failed_by_workflow ON run (workflow, status) WHERE status = 'failed' OR status = 'cancelled';

CREATE INDEX run_unfinished_by_parent ON run (parent) WHERE parent IS NOT NULL AND (status = 'pending' OR status = 'running');

CREATE INDEX run_unfinished_by_top ON run (top) WHERE top IS NOT NULL AND (status = 'pending' OR status = 'running');

CREATE INDEX run_awaiting ON run (awaits_others) WHERE awaits_others = 1;

CREATE TRIGGER run_final_status_never_changes BEFORE UPDATE OF status ON run
WHEN OLD.status IN ('completed', 'failed', 'cancelled') AND NEW.status <> OLD.status
BEGIN
    SELECT RAISE(ABORT, 'a final status never changes');
END;

CREATE TABLE data_folder (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE data_table (
    sequence        INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    name            TEXT UNIQUE,
    description     TEXT,
    folder          INTEGER,
    columns         TEXT NOT NULL CHECK (json_valid(columns)),
    unique_columns  TEXT NOT NULL CHECK (json_valid(unique_columns)),
    indexed_columns TEXT NOT NULL CHECK (json_valid(indexed_columns)),
    max_rows        INTEGER CHECK (max_rows > 0),
    row_count       INTEGER NOT NULL CHECK (row_count >= 0),
    created_at_ms   INTEGER NOT NULL,
    updated_at_ms   INTEGER NOT NULL
) STRICT;

CREATE TABLE data_row (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    data_table    INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    body          TEXT NOT NULL
) STRICT;

CREATE INDEX data_row_by_table ON data_row (data_table);

CREATE TABLE data_key (
    data_table  INTEGER NOT NULL,
    column_name TEXT NOT NULL,
    digest      BLOB NOT NULL CHECK (length(digest) = 32),
    row         INTEGER NOT NULL,
    PRIMARY KEY (data_table, column_name, digest, row)
) STRICT, WITHOUT ROWID;

CREATE TABLE data_operation (
    sequence INTEGER PRIMARY KEY,
    key      TEXT NOT NULL UNIQUE,
    run_root TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    result   TEXT NOT NULL
) STRICT;

CREATE INDEX data_operation_by_time ON data_operation (at_ms);

CREATE TABLE webhook_route (
    provider TEXT NOT NULL,
    path     TEXT NOT NULL,
    workflow INTEGER NOT NULL REFERENCES workflow (sequence) ON DELETE CASCADE,
    PRIMARY KEY (provider, path, workflow)
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_route_by_workflow ON webhook_route (workflow);

CREATE TABLE webhook_event (
    sequence       INTEGER PRIMARY KEY AUTOINCREMENT,
    id             TEXT NOT NULL UNIQUE,
    provider       TEXT NOT NULL,
    path           TEXT NOT NULL,
    received_at_ms INTEGER NOT NULL,
    -- The sender's words for it, where it has any.
    event_type     TEXT,
    external_id    TEXT,
    verified       INTEGER NOT NULL CHECK (verified IN (0, 1)),
    -- Selected ones, as a JSON object.
    headers        TEXT NOT NULL,
    body_bytes     INTEGER NOT NULL CHECK (body_bytes >= 0)
) STRICT;

CREATE INDEX webhook_event_by_provider ON webhook_event (provider);

CREATE TABLE webhook_body (
    event INTEGER PRIMARY KEY REFERENCES webhook_event (sequence) ON DELETE CASCADE,
    body  BLOB NOT NULL
) STRICT;

CREATE TABLE webhook_delivery (
    event    INTEGER NOT NULL REFERENCES webhook_event (sequence) ON DELETE CASCADE,
    position INTEGER NOT NULL CHECK (position BETWEEN 0 AND 999),
    workflow INTEGER NOT NULL REFERENCES workflow (sequence) ON DELETE CASCADE,
    at_ms    INTEGER NOT NULL,
    outcome  TEXT NOT NULL CHECK (outcome IN ('started', 'duplicate', 'filtered', 'input_invalid', 'secret_missing')),
    run_id   TEXT,
    detail   TEXT,
    PRIMARY KEY (event, position),
    CHECK ((run_id IS NOT NULL) = (outcome IN ('started', 'duplicate')))
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_delivery_by_workflow ON webhook_delivery (workflow, event);

CREATE TABLE webhook_memory (
    workflow      INTEGER NOT NULL REFERENCES workflow (sequence) ON DELETE CASCADE,
    external_id   TEXT NOT NULL,
    event_id      TEXT NOT NULL,
    run_id        TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    PRIMARY KEY (workflow, external_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_memory_by_expiry ON webhook_memory (expires_at_ms);

-- Credentials of outside services. `sealed` is encrypted under the master key, for this id, kind and hosts alone.
CREATE TABLE connection (
    sequence          INTEGER PRIMARY KEY AUTOINCREMENT,
    id                TEXT NOT NULL UNIQUE,
    name              TEXT NOT NULL,
    provider          TEXT NOT NULL,
    kind              TEXT NOT NULL CHECK (kind IN ('api-key', 'bearer', 'basic', 'smtp')),
    hosts             TEXT NOT NULL CHECK (json_valid(hosts)),
    is_default        INTEGER NOT NULL CHECK (is_default IN (0, 1)),
    status            TEXT NOT NULL CHECK (status IN ('active', 'error')),
    last_test         TEXT,
    last_tested_at_ms INTEGER,
    created_at_ms     INTEGER NOT NULL,
    updated_at_ms     INTEGER NOT NULL,
    sealed            BLOB NOT NULL
) STRICT;

-- Serves: the connections of a provider, for a step that names it and for the list.
CREATE INDEX connection_by_provider ON connection (provider);

-- Serves: that a provider has one default connection at most, and to find it when another takes its place.
CREATE UNIQUE INDEX connection_default ON connection (provider) WHERE is_default = 1;

-- Secrets of workflows. `sealed` is encrypted under the master key, for this workflow and name alone.
CREATE TABLE workflow_secret (
    workflow      INTEGER NOT NULL REFERENCES workflow (sequence) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    sealed        BLOB NOT NULL,
    PRIMARY KEY (workflow, name)
) STRICT, WITHOUT ROWID;

-- How an editor draws a workflow: as it was sent, and no part of any definition.
CREATE TABLE workflow_canvas (
    workflow INTEGER PRIMARY KEY REFERENCES workflow (sequence) ON DELETE CASCADE,
    state    TEXT NOT NULL CHECK (json_valid(state))
) STRICT;

-- What people answered: an approval (attempt 0), or how an attempt ended whose outcome nobody knew. Kept with its run, so
-- that an answer counts once; one that comes before the step waits is found when it does.
CREATE TABLE answer (
    run         INTEGER NOT NULL REFERENCES run (sequence) ON DELETE CASCADE,
    step        TEXT NOT NULL,
    attempt     INTEGER NOT NULL CHECK (attempt >= 0),
    answered_by TEXT NOT NULL,
    answered_at_ms INTEGER NOT NULL,
    body        TEXT NOT NULL CHECK (json_valid(body)),
    PRIMARY KEY (run, step, attempt)
) STRICT, WITHOUT ROWID;

-- When the clock starts a workflow: a row for each that was ever active with a schedule. It stays while the workflow is
-- paused, so that what it has fired is not forgotten.
CREATE TABLE schedule (
    workflow       INTEGER PRIMARY KEY REFERENCES workflow (sequence) ON DELETE CASCADE,
    -- The trigger that the times below were made from; JSON.
    trigger        TEXT NOT NULL,
    -- From when an interval counts.
    anchor_ms      INTEGER NOT NULL,
    -- NULL: it does not fire (paused, disabled, archived).
    next_fire_ms   INTEGER,
    last_run_at_ms INTEGER,
    last_outcome   TEXT CHECK (last_outcome IN ('started', 'skipped_missed', 'failed')),
    run_count      INTEGER NOT NULL DEFAULT 0 CHECK (run_count >= 0)
) STRICT;

-- Serves: which schedules are due, and when the next one is.
CREATE INDEX schedule_by_next_fire ON schedule (next_fire_ms) WHERE next_fire_ms IS NOT NULL;

-- What became of the times of schedules. It outlives the runs, and so knows them by their ids.
CREATE TABLE firing (
    sequence        INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow        INTEGER NOT NULL REFERENCES workflow (sequence) ON DELETE CASCADE,
    scheduled_at_ms INTEGER NOT NULL,
    fired_at_ms     INTEGER NOT NULL,
    outcome         TEXT NOT NULL CHECK (outcome IN ('started', 'skipped_missed', 'failed')),
    -- How many times of the schedule had passed unserved when this was decided.
    missed          INTEGER NOT NULL CHECK (missed >= 0),
    run_id          TEXT,
    error           TEXT,
    CHECK ((run_id IS NOT NULL) = (outcome = 'started')),
    CHECK ((error IS NOT NULL) = (outcome = 'failed'))
) STRICT;

-- Serves: the firing log of a workflow, newest first, and what it forgets.
CREATE INDEX firing_by_workflow ON firing (workflow);

-- Serves: forgetting old firings.
CREATE INDEX firing_by_age ON firing (fired_at_ms);

-- Serves: that a time of a schedule starts one run at most, also when the clock was set back.
CREATE UNIQUE INDEX firing_started ON firing (workflow, scheduled_at_ms) WHERE outcome = 'started';

-- Agents that clients made; those that come with the server are in the program. Lists walk the rows.
CREATE TABLE agent (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    description   TEXT,
    type          TEXT NOT NULL CHECK (type IN ('extraction', 'content', 'transform', 'decision', 'code', 'classification', 'custom')),
    status        TEXT NOT NULL CHECK (status IN ('active', 'deprecated')),
    provider      TEXT NOT NULL CHECK (provider IN ('openai', 'anthropic')),
    model         TEXT NOT NULL,
    system_prompt TEXT NOT NULL,
    output_schema TEXT CHECK (json_valid(output_schema)),
    temperature   REAL CHECK (temperature BETWEEN 0 AND 2),
    max_tokens    INTEGER CHECK (max_tokens BETWEEN 1 AND 1000000),
    -- The connection with the provider's key, as the client named it; it may be made later, or be gone.
    connection    TEXT,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT;
