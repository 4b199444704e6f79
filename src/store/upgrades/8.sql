-- From version 7 to version 8: what it makes is word for word what `schema.sql` makes.

-- What is unusual is found beside any number of ends of keys.
CREATE INDEX alert_by_type ON alert (type);
