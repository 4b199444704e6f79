-- From version 3 to version 4: what it makes is word for word what `schema.sql` makes.

-- The body of an event stands in its row, and what is remembered of events has no index of its end: each was one more page to
-- write for every event.
ALTER TABLE webhook_event ADD COLUMN body BLOB NOT NULL DEFAULT x'';

-- Where the column stands in the text of the table is all that changes.
PRAGMA writable_schema = ON;

UPDATE sqlite_schema
SET sql = replace(sql, '
, body BLOB NOT NULL DEFAULT x'''')', ',
    body           BLOB NOT NULL DEFAULT x''''
)')
WHERE type = 'table' AND name = 'webhook_event';

PRAGMA writable_schema = RESET;

UPDATE webhook_event SET body = (SELECT b.body FROM webhook_body b WHERE b.event = webhook_event.sequence);

DROP TABLE webhook_body;

DROP INDEX webhook_memory_by_expiry;

-- Definitions may be flows. Only a CHECK grows.
PRAGMA writable_schema = ON;

UPDATE sqlite_schema
SET sql = replace(sql, 'CHECK (format IN (''steps'', ''graph''))', 'CHECK (format IN (''steps'', ''graph'', ''flow''))')
WHERE type = 'table' AND name = 'definition';

PRAGMA writable_schema = RESET;

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

CREATE INDEX chatflow_by_api_key ON chatflow (api_key) WHERE api_key IS NOT NULL;

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

CREATE INDEX chat_message_by_session ON chat_message (workflow, session_id);

CREATE TABLE chat_feedback (
    message       TEXT PRIMARY KEY REFERENCES chat_message (id) ON DELETE CASCADE,
    id            TEXT NOT NULL UNIQUE,
    rating        TEXT NOT NULL CHECK (rating IN ('THUMBS_UP', 'THUMBS_DOWN')),
    content       TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

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

CREATE INDEX chat_lead_by_workflow ON chat_lead (workflow);

CREATE TABLE flow_variable (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    kind          TEXT NOT NULL CHECK (kind IN ('static', 'runtime')),
    value         TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
