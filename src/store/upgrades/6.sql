-- From version 5 to version 6: what it makes is word for word what `schema.sql` makes.

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
