-- From version 2 to version 3: what it makes is word for word what `schema.sql` makes.

-- Definitions may be graphs. Only a CHECK grows, which no row depends on, so its text is replaced where it stands: the table
-- is not written anew, and what refers to it goes on referring to it.
PRAGMA writable_schema = ON;

UPDATE sqlite_schema
SET sql = replace(sql, 'CHECK (format IN (''steps''))', 'CHECK (format IN (''steps'', ''graph''))')
WHERE type = 'table' AND name = 'definition';

-- Switches it off and reads the schema again.
PRAGMA writable_schema = RESET;
