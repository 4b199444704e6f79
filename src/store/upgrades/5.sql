-- From version 4 to version 5: what it makes is word for word what `schema.sql` makes.

-- Executions of flows may be public; what is kept of chats has bounds.
CREATE TABLE public_execution (
    run INTEGER PRIMARY KEY REFERENCES run (sequence) ON DELETE CASCADE
) STRICT;

CREATE INDEX chat_message_by_workflow ON chat_message (workflow);

CREATE TABLE chat_file (
    sequence     INTEGER PRIMARY KEY,
    message      TEXT NOT NULL REFERENCES chat_message (id) ON DELETE CASCADE,
    workflow     INTEGER NOT NULL,
    chat_id      TEXT NOT NULL,
    name         TEXT NOT NULL,
    content_type TEXT NOT NULL,
    bytes        BLOB NOT NULL
) STRICT;

CREATE INDEX chat_file_by_chat ON chat_file (workflow, chat_id, name);

CREATE INDEX chat_file_by_message ON chat_file (message);

CREATE TABLE chat_use (
    workflow INTEGER PRIMARY KEY REFERENCES workflow (sequence) ON DELETE CASCADE,
    messages INTEGER NOT NULL CHECK (messages >= 0),
    bytes    INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT;

INSERT INTO chat_use
SELECT workflow, count(*), sum(octet_length(content) + octet_length(more)) FROM chat_message GROUP BY workflow;

-- People who are signed in to the dashboard. `token_hash` is the BLAKE3 hash of what their browser holds.
CREATE TABLE dashboard_session (
    token_hash    BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    created_at_ms INTEGER NOT NULL,
    last_used_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
