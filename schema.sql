-- The whole schema at its newest version (`PRAGMA user_version` = 8).
--
-- Conventions: moments are milliseconds since the Unix epoch (`…_ms`); `sequence` is a row's number and the order of lists
-- (newest first); ids are what clients see; JSON is text. AUTOINCREMENT stands where a number must never be given out again,
-- because memory outside the database (a running worker, a compiled plan) may still hold it. What is written often has its
-- words checked with OR: of an IN with more than two SQLite makes a table in memory for each row.
-- Triggers use RAISE(ABORT) only and no foreign key is deferred: a write that fails must not take its batch along.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- API keys. The text of a key is nowhere; `api_key_secret` has Argon2id of each text that works, will work or has worked.
CREATE TABLE api_key (
    sequence           INTEGER PRIMARY KEY,
    id                 TEXT NOT NULL UNIQUE,
    name               TEXT NOT NULL,
    format             TEXT NOT NULL CHECK (format IN ('wfk', 'sk', 'flowise')),
    scopes             TEXT NOT NULL CHECK (json_valid(scopes)),
    workflow_id        TEXT,
    workflow_prefix    TEXT,
    -- Requests a minute: NULL is the configuration's default, -1 is no limit.
    limit_read         INTEGER CHECK (limit_read >= -1),
    limit_write        INTEGER CHECK (limit_write >= -1),
    limit_execute      INTEGER CHECK (limit_execute >= -1),
    created_at_ms      INTEGER NOT NULL,
    updated_at_ms      INTEGER NOT NULL,
    created_by         TEXT NOT NULL,
    expires_at_ms      INTEGER,
    disabled           INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    revoked_at_ms      INTEGER,
    last_used_at_ms    INTEGER,
    last_used_address  TEXT,
    last_used_category TEXT,
    CHECK (workflow_id IS NULL OR workflow_prefix IS NULL),
    CHECK ((last_used_at_ms IS NULL) = (last_used_address IS NULL)),
    CHECK ((last_used_at_ms IS NULL) = (last_used_category IS NULL))
) STRICT;

CREATE TABLE api_key_secret (
    public_id      TEXT PRIMARY KEY,
    key            INTEGER NOT NULL REFERENCES api_key (sequence) ON DELETE CASCADE,
    role           TEXT NOT NULL CHECK (role IN ('current', 'pending', 'former')),
    phc            TEXT NOT NULL,
    created_at_ms  INTEGER NOT NULL,
    valid_until_ms INTEGER,
    -- The grace that the former text will get.
    grace_seconds  INTEGER CHECK (grace_seconds BETWEEN 0 AND 86400),
    CHECK ((role = 'pending') = (grace_seconds IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Serves: the texts of one key (replaced on update, removed with it); a key has one text in each role.
CREATE UNIQUE INDEX api_key_secret_by_key ON api_key_secret (key, role);

-- Definitions by their content: two equal ones are one row. `trigger` stands before `body`, so that lists do not read bodies.
CREATE TABLE definition (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    -- BLAKE3 of the format, a zero byte and the body.
    digest   BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    format   TEXT NOT NULL CHECK (format IN ('steps', 'graph', 'flow')),
    trigger  TEXT NOT NULL GENERATED ALWAYS AS (coalesce(body -> '$.trigger', 'null')) STORED,
    body     TEXT NOT NULL
) STRICT;

CREATE TABLE workflow (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    description   TEXT,
    status        TEXT NOT NULL CHECK (status IN ('draft', 'active', 'paused', 'archived')),
    -- The current one; its row in `workflow_version` has the definition.
    version       INTEGER NOT NULL CHECK (version >= 1),
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT;

-- Serves: the list of workflows in one status, newest first.
CREATE INDEX workflow_by_status ON workflow (status);

-- Serves: the list of workflows without the archive, newest first.
CREATE INDEX workflow_unarchived ON workflow (sequence) WHERE status <> 'archived';

-- Serves: the lists of a key that is bound to a prefix of names.
CREATE INDEX workflow_by_name ON workflow (name);

CREATE TABLE workflow_version (
    workflow       INTEGER NOT NULL REFERENCES workflow (sequence),
    version        INTEGER NOT NULL CHECK (version >= 1),
    name           TEXT NOT NULL,
    description    TEXT,
    change_summary TEXT,
    created_by     TEXT NOT NULL,
    created_at_ms  INTEGER NOT NULL,
    definition     INTEGER NOT NULL REFERENCES definition (sequence),
    -- Whether a run has pinned it.
    used           INTEGER NOT NULL DEFAULT 0 CHECK (used IN (0, 1)),
    PRIMARY KEY (workflow, version)
) STRICT, WITHOUT ROWID;

-- Serves: whether a definition is still wanted, when a draft is replaced or a workflow is purged.
CREATE INDEX workflow_version_by_definition ON workflow_version (definition);

CREATE TRIGGER workflow_version_used_never_changes BEFORE UPDATE ON workflow_version WHEN OLD.used = 1
BEGIN
    SELECT RAISE(ABORT, 'a version that a run has used never changes');
END;

-- Runs. What a list shows stands before what may be long. A run pins its definition; the version that it names has the same
-- one, is `used`, and so keeps it (checked when the run is recorded; a foreign key would want an index of its own).
-- `account` is whom its usage is counted for, as in `usage` (NULL is nobody), and `step_count` how many attempts at its steps
-- have ended. `has_own_definition`: the definition is no version's, but was sent for this run (and its retries) alone. `top`: the uppermost
-- run above it, also where nobody waits for it.
CREATE TABLE run (
    sequence         INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT NOT NULL UNIQUE,
    workflow         INTEGER NOT NULL,
    workflow_version INTEGER NOT NULL,
    definition       INTEGER NOT NULL,
    status           TEXT NOT NULL CHECK (status = 'pending' OR status = 'running' OR status = 'completed' OR status = 'failed' OR status = 'cancelled'),
    -- How many events the journal has: the next chunk starts there.
    event_count      INTEGER NOT NULL CHECK (event_count BETWEEN 0 AND 16777216),
    trigger_type     TEXT NOT NULL CHECK (trigger_type = 'api' OR trigger_type = 'webhook' OR trigger_type = 'schedule' OR trigger_type = 'subworkflow'),
    created_at_ms    INTEGER NOT NULL,
    started_at_ms    INTEGER,
    due_at_ms        INTEGER,
    -- Whether it waits for an answer or the end of another run too.
    awaits_others    INTEGER NOT NULL DEFAULT 0 CHECK (awaits_others IN (0, 1)),
    finished_at_ms   INTEGER,
    started_by       TEXT,
    root_id          TEXT NOT NULL,
    retry_of         TEXT,
    -- The run whose step started it, and how many runs stand above it.
    parent           INTEGER,
    depth            INTEGER NOT NULL DEFAULT 0 CHECK (depth BETWEEN 0 AND 100),
    error            TEXT,
    -- What the trigger handed over beside the input, as `{{trigger}}` shows it; JSON.
    trigger_data     TEXT,
    input            TEXT NOT NULL,
    output           TEXT, account TEXT, step_count INTEGER NOT NULL DEFAULT 0 CHECK (step_count >= 0), has_own_definition INTEGER NOT NULL DEFAULT 0 CHECK (has_own_definition IN (0, 1)), top INTEGER,
    CHECK ((finished_at_ms IS NOT NULL) = (status = 'completed' OR status = 'failed' OR status = 'cancelled')),
    FOREIGN KEY (workflow, workflow_version) REFERENCES workflow_version (workflow, version)
) STRICT;

-- Serves: the list of a workflow's runs, newest first, and its purge.
CREATE INDEX run_by_workflow ON run (workflow);

-- Serves: recovery, the lists of pending and of running runs, and whether a workflow has an unfinished one.
CREATE INDEX run_unfinished ON run (status) WHERE status = 'pending' OR status = 'running';

-- Serves: the lists of failed and of cancelled runs. Completed ones are most of all, and found by walking.
CREATE INDEX run_failed ON run (status) WHERE status = 'failed' OR status = 'cancelled';

-- Serves: the lists of a workflow's failed and cancelled runs.
CREATE INDEX run_failed_by_workflow ON run (workflow, status) WHERE status = 'failed' OR status = 'cancelled';

-- Serves: cancelling the unfinished children of a run.
CREATE INDEX run_unfinished_by_parent ON run (parent) WHERE parent IS NOT NULL AND (status = 'pending' OR status = 'running');

-- Serves: whether a definition that was sent for one run is still wanted by another.
CREATE INDEX run_by_own_definition ON run (definition) WHERE has_own_definition = 1;

-- Serves: how many unfinished runs stand below one run.
CREATE INDEX run_unfinished_by_top ON run (top) WHERE top IS NOT NULL AND (status = 'pending' OR status = 'running');

-- Serves: the list of what all runs ask.
CREATE INDEX run_awaiting ON run (awaits_others) WHERE awaits_others = 1;

-- Serves: the dashboard's lists of runs by what has started them. Those of the API and of webhooks are most of all, and found
-- by walking.
CREATE INDEX run_by_trigger ON run (trigger_type) WHERE trigger_type = 'schedule' OR trigger_type = 'subworkflow';

CREATE TRIGGER run_final_status_never_changes BEFORE UPDATE OF status ON run
WHEN OLD.finished_at_ms IS NOT NULL AND NEW.status <> OLD.status
BEGIN
    SELECT RAISE(ABORT, 'a final status never changes');
END;

-- What happened in runs, a chunk of events in a row. One b-tree, in the order of runs:
-- position = the run's sequence * 2^24 + the sequence number of the chunk's first event.
CREATE TABLE journal (
    position    INTEGER PRIMARY KEY,
    event_count INTEGER NOT NULL CHECK (event_count > 0),
    at_ms       INTEGER NOT NULL,
    events      TEXT NOT NULL
) STRICT;

CREATE TRIGGER journal_never_changes BEFORE UPDATE ON journal
BEGIN
    SELECT RAISE(ABORT, 'a recorded event never changes');
END;

-- Idempotency keys of starts, per workflow. `run` has no foreign key: it would want an index of its own, and a key whose
-- run is gone counts as absent.
CREATE TABLE idempotency (
    workflow       INTEGER NOT NULL REFERENCES workflow (sequence) ON DELETE CASCADE,
    key            TEXT NOT NULL,
    run            INTEGER NOT NULL,
    request_digest BLOB NOT NULL CHECK (length(request_digest) = 32),
    expires_at_ms  INTEGER NOT NULL,
    PRIMARY KEY (workflow, key)
) STRICT, WITHOUT ROWID;

-- Serves: forgetting expired keys.
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at_ms);

-- The audit log. Each row's hash covers the hash before it.
CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    at_ms    INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    target   TEXT,
    address  TEXT,
    result   TEXT NOT NULL,
    detail   TEXT NOT NULL CHECK (json_valid(detail)),
    hash     TEXT NOT NULL CHECK (length(hash) = 64)
) STRICT;

-- Serves: the audit log of one actor, newest first.
CREATE INDEX audit_by_actor ON audit (actor);

-- Serves: the audit log of one action, newest first.
CREATE INDEX audit_by_action ON audit (action);

-- Serves: what was done to one key, newest first.
CREATE INDEX audit_by_target ON audit (target) WHERE target IS NOT NULL;

-- Serves: the audit log of a stretch of time, newest first.
CREATE INDEX audit_by_time ON audit (at_ms);

-- Both ends of the audit chain: the row before the oldest that is kept, and the newest. One row.
CREATE TABLE audit_chain (
    only            INTEGER PRIMARY KEY CHECK (only = 1),
    anchor_sequence INTEGER NOT NULL,
    anchor_hash     TEXT NOT NULL,
    head_sequence   INTEGER NOT NULL,
    head_hash       TEXT NOT NULL
) STRICT;

-- Folders of data tables.
CREATE TABLE data_folder (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL
) STRICT;

-- Data tables. A table that is being removed has no name any more; its rows go in slices, itself last. `row_count` counts
-- its rows, written in the same job as they are.
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

-- The rows of all data tables; `body` is a JSON object. No foreign key: a table goes after its rows.
CREATE TABLE data_row (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    data_table    INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    body          TEXT NOT NULL
) STRICT;

-- Serves: the rows of a table in the order of creation, and its removal.
CREATE INDEX data_row_by_table ON data_row (data_table);

-- Under which values the rows of a table are found: of each unique or indexed column the BLAKE3 of the value's canonical text.
CREATE TABLE data_key (
    data_table  INTEGER NOT NULL,
    column_name TEXT NOT NULL,
    digest      BLOB NOT NULL CHECK (length(digest) = 32),
    row         INTEGER NOT NULL,
    PRIMARY KEY (data_table, column_name, digest, row)
) STRICT, WITHOUT ROWID;

-- Changes that steps have made, by the step's idempotency key: an attempt that is made again finds its first result here.
CREATE TABLE data_operation (
    sequence INTEGER PRIMARY KEY,
    key      TEXT NOT NULL UNIQUE,
    run_root TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    result   TEXT NOT NULL
) STRICT;

-- Serves: forgetting old ones.
CREATE INDEX data_operation_by_time ON data_operation (at_ms);

-- Where requests of other services lead: the path and the id of every active workflow with a webhook trigger.
CREATE TABLE webhook_route (
    provider TEXT NOT NULL,
    path     TEXT NOT NULL,
    workflow INTEGER NOT NULL REFERENCES workflow (sequence) ON DELETE CASCADE,
    PRIMARY KEY (provider, path, workflow)
) STRICT, WITHOUT ROWID;

-- Serves: replacing the routes of one workflow.
CREATE INDEX webhook_route_by_workflow ON webhook_route (workflow);

-- Events that other services sent and somebody believed. The body stands last, so that lists do not read what is long of it.
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
    body_bytes     INTEGER NOT NULL CHECK (body_bytes >= 0),
    body           BLOB NOT NULL DEFAULT x''
) STRICT;

-- What became of an event at each workflow that it was meant for, when it came and at each replay. `run_id` has no foreign
-- key: runs and events are kept for as long as each is wanted.
CREATE TABLE webhook_delivery (
    event    INTEGER NOT NULL REFERENCES webhook_event (sequence) ON DELETE CASCADE,
    position INTEGER NOT NULL CHECK (position BETWEEN 0 AND 999),
    workflow INTEGER NOT NULL REFERENCES workflow (sequence) ON DELETE CASCADE,
    at_ms    INTEGER NOT NULL,
    outcome  TEXT NOT NULL CHECK (outcome = 'started' OR outcome = 'duplicate' OR outcome = 'filtered' OR outcome = 'input_invalid' OR outcome = 'secret_missing'),
    run_id   TEXT,
    detail   TEXT,
    PRIMARY KEY (event, position),
    CHECK ((run_id IS NOT NULL) = (outcome IN ('started', 'duplicate')))
) STRICT, WITHOUT ROWID;

-- Serves: the list of a workflow's events, newest first.
CREATE INDEX webhook_delivery_by_workflow ON webhook_delivery (workflow, event);

-- Which run an event has started at a workflow: the same event again is that run. Outlives the event. What has expired is
-- found by walking it now and then: an index would cost every event more.
CREATE TABLE webhook_memory (
    workflow      INTEGER NOT NULL REFERENCES workflow (sequence) ON DELETE CASCADE,
    external_id   TEXT NOT NULL,
    event_id      TEXT NOT NULL,
    run_id        TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    PRIMARY KEY (workflow, external_id)
) STRICT, WITHOUT ROWID;

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

-- Which connections workflows name, as their definitions write it: an id or a provider's word. A row for each name of every
-- workflow that is not archived.
CREATE TABLE connection_use (
    reference TEXT NOT NULL,
    workflow  INTEGER NOT NULL REFERENCES workflow (sequence) ON DELETE CASCADE,
    PRIMARY KEY (reference, workflow)
) STRICT, WITHOUT ROWID;

-- Serves: replacing what one workflow names.
CREATE INDEX connection_use_by_workflow ON connection_use (workflow);

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

-- What was used, a row for each account and hour in UTC; once a day is over for good, its hours are one row, at its first. An
-- account is a key's id, or `control`, `schedule` or `webhook`; its rows outlive the key. Requests are added up in memory
-- first; everything else is counted in the commit that makes it true. `limited_requests` are among the refused ones.
CREATE TABLE usage (
    account          TEXT NOT NULL,
    -- Since 1970-01-01.
    hour              INTEGER NOT NULL,
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
    credits          INTEGER NOT NULL CHECK (credits >= 0), webhook_requests INTEGER NOT NULL DEFAULT 0 CHECK (webhook_requests >= 0), limited_requests INTEGER NOT NULL DEFAULT 0 CHECK (limited_requests >= 0),
    PRIMARY KEY (account, hour)
) STRICT, WITHOUT ROWID;

-- Serves: forgetting old days.
CREATE INDEX usage_by_hour ON usage (hour);

-- Serves: the hours of days that are over, to make one row of them.
CREATE INDEX usage_unfolded ON usage (hour) WHERE hour % 24 <> 0;

-- How many requests were refused for which no key was let in, by reason, and by hour and day as above.
CREATE TABLE refusal (
    hour   INTEGER NOT NULL,
    reason TEXT NOT NULL,
    count  INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (hour, reason)
) STRICT, WITHOUT ROWID;

-- Serves: the same for refusals.
CREATE INDEX refusal_unfolded ON refusal (hour) WHERE hour % 24 <> 0;

-- From which networks a key was used: addresses, of IPv6 by /64. The latest of them, so that another one is noticed.
CREATE TABLE key_network (
    key          INTEGER NOT NULL REFERENCES api_key (sequence) ON DELETE CASCADE,
    network      TEXT NOT NULL,
    last_used_ms INTEGER NOT NULL,
    PRIMARY KEY (key, network)
) STRICT, WITHOUT ROWID;

-- Unusual activity and ends of keys that were noticed, and whether they are still to be told to the setting `alert_url`.
-- `cause` is what two of the same have in common; the key may be gone.
CREATE TABLE alert (
    sequence    INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    type        TEXT NOT NULL CHECK (type IN ('new_address', 'many_refusals', 'burst', 'often_limited', 'key_expiring')),
    cause       TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,
    key_id      TEXT,
    key_name    TEXT,
    address     TEXT,
    count       INTEGER NOT NULL CHECK (count >= 0),
    attempts    INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- NULL: it was told, or given up, or there is nobody to tell.
    next_try_ms INTEGER,
    -- Of a key that ends soon: when.
    expires_at_ms INTEGER,
    CHECK ((key_id IS NULL) = (key_name IS NULL))
) STRICT;

-- Serves: whether the same was noticed lately.
CREATE INDEX alert_by_cause ON alert (cause, at_ms);

-- Serves: how many were noticed lately, and forgetting old ones.
CREATE INDEX alert_by_time ON alert (at_ms);

-- Serves: the alerts of one key, newest first.
CREATE INDEX alert_by_key ON alert (key_id);

-- Serves: the alerts of one type, newest first.
CREATE INDEX alert_by_type ON alert (type);

-- Serves: what is to be told.
CREATE INDEX alert_untold ON alert (next_try_ms) WHERE next_try_ms IS NOT NULL;

-- The credits that were spent since ever. One row, once something was. What was granted is in the configuration.
CREATE TABLE credit (
    only  INTEGER PRIMARY KEY CHECK (only = 1),
    spent INTEGER NOT NULL CHECK (spent >= 0)
) STRICT;

-- What Wireflow's API keeps of a graph beside its definition: a row for every workflow whose definition is one.
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

-- What each node of a graph came to when it last ran, and with which parameters. It outlives the run.
CREATE TABLE node_output (
    workflow INTEGER NOT NULL REFERENCES workflow (sequence) ON DELETE CASCADE,
    node_id  TEXT NOT NULL,
    params   TEXT NOT NULL CHECK (json_valid(params)),
    output   TEXT NOT NULL CHECK (json_valid(output)),
    run_id   TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (workflow, node_id)
) STRICT;

-- Files that clients have uploaded; the bytes lie in the data folder, under the id. Ids rise with time, so lists walk them.
CREATE TABLE media (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    content_type  TEXT NOT NULL,
    size_bytes    INTEGER NOT NULL CHECK (size_bytes >= 0),
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What Flowise's API keeps of a flow beside its definition: a row for every workflow whose definition is one. JSON stands as it
-- was sent.
CREATE TABLE chatflow (
    workflow          INTEGER PRIMARY KEY REFERENCES workflow (sequence) ON DELETE CASCADE,
    is_public         INTEGER CHECK (is_public IN (0, 1)),
    is_deployed       INTEGER CHECK (is_deployed IN (0, 1)),
    -- The id of the one key that may ask it. The key may be gone; then nobody may.
    api_key           TEXT,
    category          TEXT,
    chatbot_config    TEXT,
    api_config        TEXT,
    analytic          TEXT,
    speech_to_text    TEXT,
    text_to_speech    TEXT,
    follow_up_prompts TEXT,
    mcp_server_config TEXT
) STRICT;

-- Serves: the chatflows that are bound to one key.
CREATE INDEX chatflow_by_api_key ON chatflow (api_key) WHERE api_key IS NOT NULL;

-- What was said in chats with flows. `session_id` is what a flow remembers by; `execution` the id of the run, which may be gone.
CREATE TABLE chat_message (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    workflow      INTEGER NOT NULL REFERENCES workflow (sequence) ON DELETE CASCADE,
    session_id    TEXT NOT NULL,
    chat_id       TEXT NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('userMessage', 'apiMessage')),
    chat_type     TEXT NOT NULL CHECK (chat_type IN ('INTERNAL', 'EXTERNAL', 'SCHEDULED', 'WEBHOOK')),
    created_at_ms INTEGER NOT NULL,
    execution     TEXT,
    lead_email    TEXT,
    content       TEXT NOT NULL,
    more          TEXT NOT NULL CHECK (json_valid(more))
) STRICT;

-- Serves: what was said in one session, in its order, and the messages of a flow.
CREATE INDEX chat_message_by_session ON chat_message (workflow, session_id);

-- What people thought of messages, one row a message.
CREATE TABLE chat_feedback (
    message       TEXT PRIMARY KEY REFERENCES chat_message (id) ON DELETE CASCADE,
    id            TEXT NOT NULL UNIQUE,
    rating        TEXT NOT NULL CHECK (rating IN ('THUMBS_UP', 'THUMBS_DOWN')),
    content       TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who has left a name or an address with the widget of a flow.
CREATE TABLE chat_lead (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    workflow      INTEGER NOT NULL REFERENCES workflow (sequence) ON DELETE CASCADE,
    chat_id       TEXT NOT NULL,
    name          TEXT,
    email         TEXT,
    phone         TEXT,
    created_at_ms INTEGER NOT NULL
) STRICT;

-- Serves: who has left an address with one flow.
CREATE INDEX chat_lead_by_workflow ON chat_lead (workflow);

-- Variables that all flows share.
CREATE TABLE flow_variable (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    kind          TEXT NOT NULL CHECK (kind IN ('static', 'runtime')),
    value         TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Executions of flows that everybody sees who knows their id.
CREATE TABLE public_execution (
    run INTEGER PRIMARY KEY REFERENCES run (sequence) ON DELETE CASCADE
) STRICT;

-- Serves: the messages of a flow in their order, and which of them are the oldest.
CREATE INDEX chat_message_by_workflow ON chat_message (workflow);

-- Images that were sent along with messages.
CREATE TABLE chat_file (
    sequence     INTEGER PRIMARY KEY,
    message      TEXT NOT NULL REFERENCES chat_message (id) ON DELETE CASCADE,
    workflow     INTEGER NOT NULL,
    chat_id      TEXT NOT NULL,
    name         TEXT NOT NULL,
    content_type TEXT NOT NULL,
    bytes        BLOB NOT NULL
) STRICT;

-- Serves: one file of a conversation.
CREATE INDEX chat_file_by_chat ON chat_file (workflow, chat_id, name);

-- Serves: what the files of a message take, and their removal with it.
CREATE INDEX chat_file_by_message ON chat_file (message);

-- What the messages of a flow take, with the files in them.
CREATE TABLE chat_use (
    workflow INTEGER PRIMARY KEY REFERENCES workflow (sequence) ON DELETE CASCADE,
    messages INTEGER NOT NULL CHECK (messages >= 0),
    bytes    INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT;

-- People who are signed in to the dashboard. `token_hash` is the BLAKE3 hash of what their browser holds.
CREATE TABLE dashboard_session (
    token_hash    BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    created_at_ms INTEGER NOT NULL,
    last_used_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How many calls of models and of other flows were made for one question: by the run of a flow, and by those that it has asked.
CREATE TABLE flow_use (
    run   INTEGER PRIMARY KEY REFERENCES run (sequence) ON DELETE CASCADE,
    -- The run where its calls count, if it is a flow that a flow has asked.
    root  INTEGER,
    calls INTEGER NOT NULL CHECK (calls >= 0)
) STRICT;
