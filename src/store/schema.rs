//! Opens the database file: creates it from `schema.sql`, upgrades an older one by numbered steps, refuses what it does not know.
//! May not know queries. Promise: a connection that comes from here is at the newest schema, durable (WAL, synchronous=FULL)
//! and gives freed pages back in slices (auto_vacuum=INCREMENTAL).

use super::{StoreError, writer::BUSY_TIMEOUT};
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};
use std::path::{Path, PathBuf};

/// The whole schema at its newest version.
pub(super) const SCHEMA: &str = include_str!("../../schema.sql");

/// The steps that bring an older file to the newest schema: the first one leads from version 1 to version 2.
const STEPS: &[&str] = &[
    include_str!("upgrades/2.sql"),
    include_str!("upgrades/3.sql"),
    include_str!("upgrades/4.sql"),
    include_str!("upgrades/5.sql"),
    include_str!("upgrades/6.sql"),
    include_str!("upgrades/7.sql"),
    include_str!("upgrades/8.sql"),
];

/// Older versions of SQLite can corrupt a WAL when two connections checkpoint at once.
pub(super) const MIN_SQLITE_VERSION: i32 = 3_051_003;

/// The version of the schema that this program writes.
pub const NEWEST_VERSION: i64 = 1 + STEPS.len() as i64;

/// `PRAGMA auto_vacuum` that means INCREMENTAL.
pub(super) const AUTO_VACUUM_INCREMENTAL: i64 = 2;

/// The page cache of the write connection, in KiB.
const CACHE_KIB: i64 = 8_192;
/// A WAL that a burst has swollen is cut back to this many bytes.
const WAL_KEPT_BYTES: i64 = 16 << 20;

/// Opens the write connection; creates the file (readable by its owner only) where there is none.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    if rusqlite::version_number() < MIN_SQLITE_VERSION {
        return Err(StoreError::Unusable(format!(
            "SQLite {} is too old: 3.51.3 or newer is needed",
            rusqlite::version()
        )));
    }
    create_file(path).map_err(|error| {
        StoreError::Unusable(format!("cannot create {}: {error}", path.display()))
    })?;
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(|error| unusable(path, &error))?;
    prepare(&connection, path, STEPS)?;
    Ok(connection)
}

/// Makes an empty file before SQLite opens it, so that it is never readable by others, not even for a moment.
fn create_file(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        created => created.map(drop),
    }
}

fn unusable(path: &Path, error: &rusqlite::Error) -> StoreError {
    let why = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => "it is not a database".to_owned(),
        Some(ErrorCode::DatabaseCorrupt) => {
            format!("it is damaged ({error}); `flowlatch doctor` says more")
        }
        _ => error.to_string(),
    };
    StoreError::Unusable(format!("cannot use {}: {why}", path.display()))
}

/// Brings the file to the version that `steps` lead to, and the connection to its settings.
fn prepare(connection: &Connection, path: &Path, steps: &[&str]) -> Result<(), StoreError> {
    let newest = 1 + i64::try_from(steps.len()).unwrap_or(i64::MAX);
    let failed = |error: rusqlite::Error| unusable(path, &error);
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    let version = user_version(connection).map_err(failed)?;
    if version > newest {
        return Err(StoreError::Unusable(format!(
            "{} has schema version {version}, made by a newer flowlatch; this one knows versions up to {newest}. \
             Use the newer program, or a backup from before the upgrade",
            path.display()
        )));
    }
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    if version == 0 && tables > 0 {
        return Err(StoreError::Unusable(format!(
            "{} is a database of another program",
            path.display()
        )));
    }
    if version == 0 {
        // Before WAL and before any table: afterwards it would silently stay off.
        connection
            .pragma_update(None, "auto_vacuum", AUTO_VACUUM_INCREMENTAL)
            .map_err(failed)?;
    }
    configure(connection).map_err(failed)?;
    if version == 0 {
        apply(connection, SCHEMA, newest).map_err(failed)?;
    } else if version < newest {
        upgrade(connection, path, version, steps).map_err(failed)?;
    }
    // What a savepoint would go back to. In a file, which is used from 16 pages on, it grows with every job of a batch. After
    // the upgrade, which may sort whole tables.
    connection
        .pragma_update(None, "temp_store", "MEMORY")
        .map_err(failed)?;
    check_settings(connection, path)
}

/// The settings of the write connection.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(128);
    // Else a statement is prepared anew whenever a bound `LIMIT` differs from the one it was planned for.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_KEPT_BYTES, |_| Ok(()))?;
    // The writer checkpoints by itself, between batches.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))
}

/// Settings that can silently stay off.
fn check_settings(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| unusable(path, &error);
    let vacuum: i64 = connection
        .pragma_query_value(None, "auto_vacuum", |row| row.get(0))
        .map_err(failed)?;
    let journal: String = connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .map_err(failed)?;
    if vacuum != AUTO_VACUUM_INCREMENTAL || !journal.eq_ignore_ascii_case("wal") {
        return Err(StoreError::Unusable(format!(
            "{} has auto_vacuum={vacuum} and journal_mode={journal}; 2 (INCREMENTAL) and wal are needed",
            path.display()
        )));
    }
    Ok(())
}

/// The version of a file's schema; 0 for a new one.
pub(super) fn user_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Keeps a copy of the file as it was, then goes on step by step.
fn upgrade(
    connection: &Connection,
    path: &Path,
    from: i64,
    steps: &[&str],
) -> rusqlite::Result<()> {
    let mut snapshot = path.as_os_str().to_owned();
    snapshot.push(format!(".version-{from}"));
    let snapshot = PathBuf::from(snapshot);
    if !snapshot.exists() {
        connection.execute("VACUUM INTO ?1", [snapshot.to_string_lossy()])?;
    }
    for (version, step) in (2..).zip(steps) {
        if version > from {
            apply(connection, step, version)?;
        }
    }
    Ok(())
}

/// Runs one step and sets the version, both or neither.
fn apply(connection: &Connection, sql: &str, version: i64) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(sql)?;
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()
}

/// What the schema consists of: kind, name and text of every object, in the order of their names.
pub(super) fn objects(connection: &Connection) -> rusqlite::Result<Vec<(String, String, String)>> {
    connection
        .prepare(
            "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn refusal(path: &Path) -> String {
        match open(path) {
            Err(StoreError::Unusable(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_new_file_has_the_schema_its_version_and_incremental_vacuum() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        drop(open(&path).unwrap());
        let connection = open(&path).unwrap();
        assert_eq!(user_version(&connection).unwrap(), NEWEST_VERSION);
        let memory = Connection::open_in_memory().unwrap();
        memory.execute_batch(SCHEMA).unwrap();
        assert_eq!(objects(&connection).unwrap(), objects(&memory).unwrap());
        // Not what the connection was told, but what the file says.
        let other = Connection::open(&path).unwrap();
        for (pragma, expected) in [("auto_vacuum", 2), ("page_size", 4096)] {
            let value: i64 = other
                .pragma_query_value(None, pragma, |row| row.get(0))
                .unwrap();
            assert_eq!(value, expected, "{pragma}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_crash_between_the_settings_and_the_schema_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        create_file(&path).unwrap();
        let half = Connection::open(&path).unwrap();
        half.pragma_update(None, "auto_vacuum", 2).unwrap();
        configure(&half).unwrap();
        drop(half);
        assert_eq!(user_version(&open(&path).unwrap()).unwrap(), NEWEST_VERSION);
    }

    #[test]
    fn foreign_newer_and_damaged_files_are_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let newer = folder.path().join("newer.db");
        let connection = open(&newer).unwrap();
        connection
            .pragma_update(None, "user_version", NEWEST_VERSION + 1)
            .unwrap();
        drop(connection);
        assert!(refusal(&newer).contains("made by a newer flowlatch"));

        let foreign = folder.path().join("foreign.db");
        let connection = Connection::open(&foreign).unwrap();
        connection.execute_batch("CREATE TABLE x(y)").unwrap();
        drop(connection);
        assert!(refusal(&foreign).contains("another program"));

        let text = folder.path().join("text.db");
        std::fs::write(&text, "this is no database ".repeat(500)).unwrap();
        assert!(refusal(&text).contains("not a database"));

        let vacuum = folder.path().join("vacuum.db");
        let connection = Connection::open(&vacuum).unwrap();
        apply(&connection, SCHEMA, NEWEST_VERSION).unwrap();
        drop(connection);
        assert!(refusal(&vacuum).contains("auto_vacuum=0"));

        assert!(refusal(&folder.path().join("none/a.db")).contains("cannot create"));
    }

    #[test]
    fn an_older_file_goes_up_step_by_step_and_leaves_a_snapshot() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        drop(open(&path).unwrap());
        let done = vec![""; STEPS.len()];
        let new = vec![
            "CREATE TABLE second (x INTEGER) STRICT",
            "ALTER TABLE second ADD COLUMN y INTEGER",
        ];
        let steps = [done, new].concat();
        let connection = Connection::open(&path).unwrap();
        prepare(&connection, &path, &steps).unwrap();
        assert_eq!(user_version(&connection).unwrap(), NEWEST_VERSION + 2);
        connection
            .execute("INSERT INTO second (x, y) VALUES (1, 2)", [])
            .unwrap();
        // Once more: nothing to do.
        prepare(&connection, &path, &steps).unwrap();
        let snapshot = folder.path().join(format!("a.db.version-{NEWEST_VERSION}"));
        let snapshot = Connection::open(snapshot).unwrap();
        assert_eq!(user_version(&snapshot).unwrap(), NEWEST_VERSION);

        let mut failing = vec!["CREATE TABLE second (x) STRICT"; steps.len()];
        failing.push("CREATE TABLE third (x INTEGER) STRICT; no SQL");
        assert!(prepare(&connection, &path, &failing).is_err());
        assert_eq!(
            user_version(&connection).unwrap(),
            NEWEST_VERSION + 2,
            "a failed step leaves no trace"
        );
        assert!(
            objects(&connection)
                .unwrap()
                .iter()
                .all(|(_, name, _)| name != "third")
        );
    }
}
