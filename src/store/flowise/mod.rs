//! A database of Flowise's, as another program has left it: opened to read, found to be one, and read row by row.
//! May not know what is made of the rows. Promises: the file is not changed; what is read is one moment of it; a cell or a
//! table over the bounds is told and not read; a row that cannot be read stops no other.

mod rows;
mod tables;

pub use rows::FlowiseKey;

use super::writer::BUSY_TIMEOUT;
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};
use std::path::{Path, PathBuf};
use tables::{FLOWS, KEYS, LEFT_BEHIND, TABLES, Table, WORKSPACE, WORKSPACES};

/// Why a file cannot be imported, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FlowiseFileError {
    /// What is wrong with it.
    pub message: String,
    /// What to do.
    pub hint: &'static str,
}

/// A database of Flowise's. One transaction lasts as long as it is open, so that all that is read is of one moment.
pub struct FlowiseFile {
    connection: Connection,
    path: PathBuf,
}

/// A row that cannot be read, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRow {
    /// Where it stands: `row 7 of chat_flow`.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Which row of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowPlace {
    row: i64,
    /// How much stands in it.
    pub bytes: u64,
}

const STOP_FLOWISE: &str =
    "stop Flowise first, or import a copy of its database, with the files beside it";
const WHERE: &str = "Flowise keeps it as `database.sqlite` in the folder `.flowise` of its user, or in DATABASE_PATH";
const UPGRADE: &str = "start Flowise 3.1 once with this database, so that it brings it up to date, and import it then";

impl FlowiseFile {
    /// Opens a file, to read only, and finds out whether it is such a database. Blocks.
    pub fn open(path: &Path) -> Result<FlowiseFile, FlowiseFileError> {
        if !path.is_file() {
            return Err(FlowiseFileError {
                message: format!("there is no file {}", path.display()),
                hint: WHERE,
            });
        }
        let failed = |error: rusqlite::Error| unreadable(path, &error);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        prepare(&connection).map_err(failed)?;
        let file = FlowiseFile {
            connection,
            path: path.to_owned(),
        };
        file.require_tables()?;
        file.require_one_workspace()?;
        Ok(file)
    }

    /// What Flowise keeps beside what is imported: in words, and how many there are. What is not there is left out.
    pub fn left_behind(&self) -> Result<Vec<(&'static str, u64)>, FlowiseFileError> {
        let mut found = Vec::new();
        for (words, table, count) in LEFT_BEHIND {
            if self.columns(table)?.is_empty() {
                continue;
            }
            let rows: i64 = self
                .connection
                .query_row(count, [], |row| row.get(0))
                .map_err(|error| self.unreadable(&error))?;
            if rows > 0 {
                found.push((*words, u64::try_from(rows).unwrap_or_default()));
            }
        }
        Ok(found)
    }

    /// The tables that are read, each with the columns that it has to have.
    fn require_tables(&self) -> Result<(), FlowiseFileError> {
        for table in TABLES {
            let columns = self.columns(table.name)?;
            if columns.is_empty() {
                return Err(FlowiseFileError {
                    message: format!(
                        "{} is no database of Flowise's: it has no table `{}`",
                        self.path.display(),
                        table.name
                    ),
                    hint: WHERE,
                });
            }
            let is_lacking = |column: &&&str| !columns.iter().any(|known| known == **column);
            if let Some(lacking) = table.columns.iter().find(is_lacking) {
                return Err(FlowiseFileError {
                    message: format!(
                        "{} is of an older Flowise: its table `{}` has no column `{lacking}`",
                        self.path.display(),
                        table.name
                    ),
                    hint: UPGRADE,
                });
            }
        }
        Ok(())
    }

    /// Here there is one workspace: in it the keys of each would reach the flows of all.
    fn require_one_workspace(&self) -> Result<(), FlowiseFileError> {
        for table in [KEYS, FLOWS] {
            let columns = self.columns(table.name)?;
            if !columns.iter().any(|column| column == WORKSPACE) {
                return Ok(());
            }
        }
        let workspaces: i64 = self
            .connection
            .query_row(WORKSPACES, [], |row| row.get(0))
            .map_err(|error| self.unreadable(&error))?;
        if workspaces <= 1 {
            return Ok(());
        }
        Err(FlowiseFileError {
            message: format!(
                "{} has keys and flows of {workspaces} workspaces, and here there is one, in which every key would reach all of them",
                self.path.display()
            ),
            hint: "import a copy of the database in which the others are deleted; one data folder is one workspace",
        })
    }

    /// The columns of a table; none where there is no such table, or a view in its place.
    fn columns(&self, table: &str) -> Result<Vec<String>, FlowiseFileError> {
        let found = self
            .connection
            .prepare_cached(
                "SELECT c.name FROM sqlite_schema s, pragma_table_info(s.name) c
                 WHERE s.type = 'table' AND s.name = ?1",
            )
            .and_then(|mut statement| {
                statement
                    .query_map([table], |row| row.get(0))?
                    .collect::<rusqlite::Result<Vec<String>>>()
            });
        found.map_err(|error| self.unreadable(&error))
    }

    /// Where the rows of a table are, in the order in which they are imported.
    fn places(&self, table: &Table) -> Result<Vec<RowPlace>, FlowiseFileError> {
        let found = self
            .connection
            .prepare(table.list)
            .and_then(|mut statement| {
                let place = |row: &rusqlite::Row<'_>| {
                    Ok(RowPlace {
                        row: row.get(0)?,
                        bytes: u64::try_from(row.get::<_, i64>(1)?).unwrap_or_default(),
                    })
                };
                statement
                    .query_map([table.max_rows + 1], place)?
                    .collect::<rusqlite::Result<Vec<RowPlace>>>()
            });
        let found = found.map_err(|error| self.unreadable(&error))?;
        if i64::try_from(found.len()).unwrap_or(i64::MAX) > table.max_rows {
            return Err(FlowiseFileError {
                message: format!(
                    "{} has more than {} rows in its table `{}`, which is more than can be imported",
                    self.path.display(),
                    table.max_rows,
                    table.name
                ),
                hint: "delete in Flowise what is not needed any more",
            });
        }
        Ok(found)
    }

    fn unreadable(&self, error: &rusqlite::Error) -> FlowiseFileError {
        unreadable(&self.path, error)
    }
}

/// The settings of a connection to a file that nobody vouches for, and the transaction.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.execute_batch("BEGIN")?;
    // Nothing has been read so far; this is where a file that is no database shows, and one that is locked.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}

fn unreadable(path: &Path, error: &rusqlite::Error) -> FlowiseFileError {
    let shown = path.display();
    let (message, hint) = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => (format!("{shown} is not a SQLite database"), WHERE),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            format!("{shown} is locked by another program"),
            STOP_FLOWISE,
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            format!("{shown} is damaged: {error}"),
            "`sqlite3 FILE .recover` saves what is left of it; import that",
        ),
        Some(ErrorCode::ReadOnly) => (
            format!("{shown} was left in the middle of a change"),
            "start Flowise once with it and stop it, so that the change is undone, and import it then",
        ),
        _ => (
            format!("cannot read {shown}: {error}"),
            "let this user read the file and the files beside it, or import a copy of all of them",
        ),
    };
    FlowiseFileError { message, hint }
}
