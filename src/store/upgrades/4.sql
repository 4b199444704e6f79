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
