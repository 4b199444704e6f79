-- From version 5 to version 6: what it makes is word for word what `schema.sql` makes.

-- Runs are looked for by what has started them.
CREATE INDEX run_by_trigger ON run (trigger_type)
    WHERE trigger_type = 'webhook' OR trigger_type = 'schedule' OR trigger_type = 'subworkflow';

-- Which connections workflows name. Which fields name one is said in `connection_uses.rs` too.
CREATE TABLE connection_use (
    reference TEXT NOT NULL,
    workflow  INTEGER NOT NULL REFERENCES workflow (sequence) ON DELETE CASCADE,
    PRIMARY KEY (reference, workflow)
) STRICT, WITHOUT ROWID;

CREATE INDEX connection_use_by_workflow ON connection_use (workflow);

INSERT OR IGNORE INTO connection_use (reference, workflow)
SELECT named.value, w.sequence
FROM workflow w
JOIN workflow_version v ON v.workflow = w.sequence AND v.version = w.version
JOIN definition d ON d.sequence = v.definition
JOIN json_tree(d.body) named
WHERE w.status <> 'archived' AND named.type = 'text' AND length(named.value) BETWEEN 1 AND 64
    AND named.key IN ('connection', 'connectionId', 'provider') AND named.path <> '$' AND named.path NOT LIKE '$.trigger%';

-- Usage is counted by the hour; a day that is over for good is one row, as each was before.
DROP INDEX usage_by_day;

ALTER TABLE usage RENAME COLUMN day TO hour;

ALTER TABLE usage ADD COLUMN webhook_requests INTEGER NOT NULL DEFAULT 0 CHECK (webhook_requests >= 0);

ALTER TABLE usage ADD COLUMN limited_requests INTEGER NOT NULL DEFAULT 0 CHECK (limited_requests >= 0);

-- Downwards, so that no row meets one that has not moved.
UPDATE usage SET hour = -1 - hour * 24;

UPDATE usage SET hour = -1 - hour;

CREATE INDEX usage_by_hour ON usage (hour);

CREATE INDEX usage_unfolded ON usage (hour) WHERE hour % 24 <> 0;

CREATE TABLE refusal (
    hour   INTEGER NOT NULL,
    reason TEXT NOT NULL,
    count  INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (hour, reason)
) STRICT, WITHOUT ROWID;

CREATE INDEX refusal_unfolded ON refusal (hour) WHERE hour % 24 <> 0;

-- Unusual activity, and the networks from which keys are used.
CREATE TABLE key_network (
    key          INTEGER NOT NULL REFERENCES api_key (sequence) ON DELETE CASCADE,
    network      TEXT NOT NULL,
    last_used_ms INTEGER NOT NULL,
    PRIMARY KEY (key, network)
) STRICT, WITHOUT ROWID;

INSERT INTO key_network (key, network, last_used_ms)
SELECT sequence, last_used_address, last_used_at_ms FROM api_key WHERE last_used_address NOT LIKE '%:%';

CREATE TABLE alert (
    sequence    INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    type        TEXT NOT NULL CHECK (type IN ('new_address', 'many_refusals', 'burst', 'often_limited')),
    cause       TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,
    key_id      TEXT,
    key_name    TEXT,
    address     TEXT,
    count       INTEGER NOT NULL CHECK (count >= 0),
    attempts    INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- NULL: it was told, or given up, or there is nobody to tell.
    next_try_ms INTEGER,
    CHECK ((key_id IS NULL) = (key_name IS NULL))
) STRICT;

CREATE INDEX alert_by_cause ON alert (cause, at_ms);

CREATE INDEX alert_by_time ON alert (at_ms);

CREATE INDEX alert_by_key ON alert (key_id);

CREATE INDEX alert_untold ON alert (next_try_ms) WHERE next_try_ms IS NOT NULL;

-- The audit log is read by key and by time too.
CREATE INDEX audit_by_target ON audit (target) WHERE target IS NOT NULL;

CREATE INDEX audit_by_time ON audit (at_ms);

-- Of an IN with more than two words SQLite makes a table in memory for each row that it checks.
PRAGMA writable_schema = ON;

UPDATE sqlite_schema
SET sql = replace(sql, 'CHECK (status IN (''pending'', ''running'', ''completed'', ''failed'', ''cancelled''))',
    'CHECK (status = ''pending'' OR status = ''running'' OR status = ''completed'' OR status = ''failed'' OR status = ''cancelled'')')
WHERE name = 'run';

UPDATE sqlite_schema
SET sql = replace(sql, 'CHECK (trigger_type IN (''api'', ''webhook'', ''schedule'', ''subworkflow''))',
    'CHECK (trigger_type = ''api'' OR trigger_type = ''webhook'' OR trigger_type = ''schedule'' OR trigger_type = ''subworkflow'')')
WHERE name = 'run';

UPDATE sqlite_schema
SET sql = replace(sql, '(status IN (''completed'', ''failed'', ''cancelled''))',
    '(status = ''completed'' OR status = ''failed'' OR status = ''cancelled'')')
WHERE name = 'run';

UPDATE sqlite_schema
SET sql = replace(sql, 'WHEN OLD.status IN (''completed'', ''failed'', ''cancelled'') AND NEW.status',
    'WHEN OLD.finished_at_ms IS NOT NULL AND NEW.status')
WHERE name = 'run_final_status_never_changes';

UPDATE sqlite_schema
SET sql = replace(sql, 'CHECK (outcome IN (''started'', ''duplicate'', ''filtered'', ''input_invalid'', ''secret_missing''))',
    'CHECK (outcome = ''started'' OR outcome = ''duplicate'' OR outcome = ''filtered'' OR outcome = ''input_invalid'' OR outcome = ''secret_missing'')')
WHERE name = 'webhook_delivery';

PRAGMA writable_schema = RESET;
