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
