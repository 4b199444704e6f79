//! Examines a database file that no server holds. May not know how findings are shown. Promise: changes nothing in the file.

use super::audit::check_chain;
use super::{StoreError, schema, writer::BUSY_TIMEOUT};
use crate::model::audit::ChainCheck;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// How many faults of one kind are told.
const MAX_FAULTS: usize = 10;

/// One thing that was examined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was examined: `sqlite version`, `schema version`, …
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// One sentence: what was found and, where that is not well, what to do.
    pub sentence: String,
}

/// Examines the file at `path`. An error when it cannot be opened as a database at all.
pub fn inspect(path: &Path) -> Result<Vec<Finding>, StoreError> {
    let cannot = |error: rusqlite::Error| {
        StoreError::Unusable(format!("cannot read {}: {error}", path.display()))
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(cannot)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(cannot)?;
    // Nothing has been read so far; this is where a file that is no database shows.
    let version = schema::user_version(&connection).map_err(cannot)?;
    let mut findings = vec![sqlite_version(), schema_version(version)];
    if version == schema::NEWEST_VERSION {
        findings.push(objects(&connection)?);
        findings.push(audit_chain(&connection));
    }
    findings.push(auto_vacuum(&connection)?);
    findings.push(journal_mode(&connection)?);
    findings.push(integrity(&connection));
    findings.push(references(&connection));
    #[cfg(unix)]
    findings.push(file_mode(path));
    Ok(findings)
}

fn finding(name: &'static str, ok: bool, good: String, bad: String) -> Finding {
    Finding {
        name,
        ok,
        sentence: if ok { good } else { bad },
    }
}

fn sqlite_version() -> Finding {
    let version = rusqlite::version();
    finding(
        "sqlite version",
        rusqlite::version_number() >= schema::MIN_SQLITE_VERSION,
        format!("SQLite {version} is built in."),
        format!("SQLite {version} is too old: 3.51.3 or newer is needed."),
    )
}

fn schema_version(version: i64) -> Finding {
    let newest = schema::NEWEST_VERSION;
    let bad = if version > newest {
        format!(
            "The schema has version {version}, made by a newer flowlatch; this one knows {newest}. Use the newer program."
        )
    } else {
        format!(
            "The schema has version {version}; `flowlatch serve` brings it to {newest} and keeps a snapshot."
        )
    };
    finding(
        "schema version",
        version == newest,
        format!("The schema has version {version}, the newest."),
        bad,
    )
}

fn objects(connection: &Connection) -> Result<Finding, StoreError> {
    let expected = Connection::open_in_memory()?;
    expected.execute_batch(schema::SCHEMA)?;
    let (expected, found) = (schema::objects(&expected)?, schema::objects(connection)?);
    let names: Vec<&str> = expected
        .iter()
        .filter(|object| !found.contains(object))
        .chain(found.iter().filter(|object| !expected.contains(object)))
        .map(|(_, name, _)| name.as_str())
        .take(MAX_FAULTS)
        .collect();
    Ok(finding(
        "schema",
        names.is_empty(),
        "Every table, index and trigger is as this version makes it.".into(),
        format!(
            "These are not as this version makes them: {}. Somebody changed the schema; restore a backup.",
            names.join(", ")
        ),
    ))
}

fn auto_vacuum(connection: &Connection) -> Result<Finding, StoreError> {
    let mode: i64 = connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    Ok(finding(
        "auto_vacuum",
        mode == schema::AUTO_VACUUM_INCREMENTAL,
        "Freed space can be given back in slices (auto_vacuum is 2, INCREMENTAL).".into(),
        format!(
            "auto_vacuum is {mode}, not 2 (INCREMENTAL): run `PRAGMA auto_vacuum=2; VACUUM` while no server runs."
        ),
    ))
}

fn journal_mode(connection: &Connection) -> Result<Finding, StoreError> {
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    Ok(finding(
        "journal mode",
        mode == "wal",
        "The database uses a write-ahead log.".into(),
        format!("The journal mode is {mode}, not wal; `flowlatch serve` sets it."),
    ))
}

fn integrity(connection: &Connection) -> Finding {
    let faults = texts(connection, "PRAGMA integrity_check(10)", 0);
    let ok = faults == ["ok"];
    finding(
        "integrity",
        ok,
        "Every page, row and index entry is in its place.".into(),
        format!(
            "The file is damaged: {}. Restore a backup.",
            faults.join("; ")
        ),
    )
}

fn references(connection: &Connection) -> Finding {
    let faults = texts(connection, "PRAGMA foreign_key_check", 0);
    finding(
        "references",
        faults.is_empty(),
        "Every reference between rows leads to a row.".into(),
        format!(
            "Rows of these tables refer to rows that are missing: {}. Restore a backup.",
            faults.join(", ")
        ),
    )
}

fn audit_chain(connection: &Connection) -> Finding {
    let name = "audit chain";
    match check_chain(connection) {
        Ok(ChainCheck::Intact { rows }) => finding(
            name,
            true,
            format!("Every row of the audit log follows from the one before it ({rows} rows)."),
            String::new(),
        ),
        Ok(ChainCheck::Broken { sequence }) => finding(
            name,
            false,
            String::new(),
            format!(
                "Row {sequence} of the audit log does not follow from the one before it: somebody changed or removed rows. \
                 What stands before it can be trusted."
            ),
        ),
        Err(error) => finding(
            name,
            false,
            String::new(),
            format!("The audit log cannot be read: {error}."),
        ),
    }
}

/// One column of the first rows; an error is a row of its own.
fn texts(connection: &Connection, sql: &str, column: usize) -> Vec<String> {
    let rows = || -> rusqlite::Result<Vec<String>> {
        connection
            .prepare(sql)?
            .query_map([], |row| row.get(column))?
            .take(MAX_FAULTS)
            .collect()
    };
    rows().unwrap_or_else(|error| vec![error.to_string()])
}

#[cfg(unix)]
fn file_mode(path: &Path) -> Finding {
    use std::os::unix::fs::PermissionsExt;
    match std::fs::metadata(path) {
        Ok(metadata) => {
            let mode = metadata.permissions().mode() & 0o777;
            finding(
                "file mode",
                mode & 0o077 == 0,
                format!("Only its owner can open the file (mode {mode:o})."),
                format!(
                    "Others can open the file (mode {mode:o}): run `chmod 600 {}`.",
                    path.display()
                ),
            )
        }
        Err(error) => finding(
            "file mode",
            false,
            String::new(),
            format!("The file's mode cannot be read: {error}."),
        ),
    }
}
