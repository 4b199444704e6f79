//! Folders of tables.

use super::{Stop, told};
use crate::id::FolderId;
use crate::model::table::{Folder, FolderChoice, TableLimits, TableProblem};
use crate::store::{Store, StoreError, column};
use rusqlite::{Connection, Row};

impl Store {
    /// Every folder, in the order of creation; there are no more than tables may be.
    pub async fn data_folders(&self) -> Result<Vec<Folder>, StoreError> {
        self.scan(|connection| {
            connection
                .prepare_cached(LIST)?
                .query_and_then([], |row| folder(row).map(|(_, folder)| folder))?
                .collect()
        })
        .await
    }

    /// Removes a folder. `Conflict`: tables lie in it.
    pub async fn remove_data_folder(
        &self,
        id: String,
    ) -> Result<Result<(), TableProblem>, StoreError> {
        self.write(move |connection| told(remove(connection, &id)))
            .await
    }
}

fn remove(connection: &Connection, id: &str) -> Result<(), Stop> {
    let found = one(connection, BY_ID, id)?;
    let (sequence, folder) = found.ok_or_else(|| TableProblem::not_found("folder", id))?;
    let tables: i64 = connection
        .prepare_cached("SELECT count(*) FROM data_table WHERE folder = ?1 AND name IS NOT NULL")?
        .query_row([sequence], |row| row.get(0))?;
    if tables > 0 {
        let message = format!(
            "the folder `{}` holds tables ({tables}); remove them, or put them elsewhere, before it",
            folder.name
        );
        return Err(TableProblem::Conflict(message).into());
    }
    connection
        .prepare_cached("DELETE FROM data_folder WHERE sequence = ?1")?
        .execute([sequence])?;
    Ok(())
}

pub(in crate::store) const LIST: &str =
    "SELECT sequence, id, name FROM data_folder ORDER BY sequence";
const BY_ID: &str = "SELECT sequence, id, name FROM data_folder WHERE id = ?1";
const BY_NAME: &str = "SELECT sequence, id, name FROM data_folder WHERE name = ?1";

fn folder(row: &Row<'_>) -> Result<(i64, Folder), StoreError> {
    let folder = Folder {
        id: column::id(row, 1)?,
        name: row.get(2)?,
    };
    Ok((row.get(0)?, folder))
}

fn one(
    connection: &Connection,
    sql: &'static str,
    word: &str,
) -> Result<Option<(i64, Folder)>, StoreError> {
    connection
        .prepare_cached(sql)?
        .query_and_then([word], folder)?
        .next()
        .transpose()
}

/// The folder of this name with its row number, and whether it is new.
pub(super) fn ensure(
    connection: &Connection,
    name: &str,
    limits: &TableLimits,
    now_ms: i64,
) -> Result<(i64, Folder, bool), Stop> {
    if let Some((sequence, folder)) = one(connection, BY_NAME, name)? {
        return Ok((sequence, folder, false));
    }
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM data_folder")?
        .query_row([], |row| row.get(0))?;
    if u64::try_from(count).unwrap_or_default() >= limits.max_tables {
        return Err(TableProblem::Conflict(format!(
            "there are {count} folders already, as many as the setting `max_tables` allows"
        ))
        .into());
    }
    let folder = Folder {
        id: FolderId::generate(),
        name: name.to_owned(),
    };
    connection
        .prepare_cached("INSERT INTO data_folder (id, name, created_at_ms) VALUES (?1, ?2, ?3)")?
        .execute((folder.id.as_str(), name, now_ms))?;
    Ok((connection.last_insert_rowid(), folder, true))
}

/// The folder that was chosen, with its row number.
pub(super) fn chosen(
    connection: &Connection,
    choice: &FolderChoice,
    limits: &TableLimits,
    now_ms: i64,
) -> Result<(i64, Folder), Stop> {
    match choice {
        FolderChoice::Id(id) => {
            one(connection, BY_ID, id)?.ok_or_else(|| TableProblem::not_found("folder", id).into())
        }
        FolderChoice::Name(name) => {
            let (sequence, folder, _) = ensure(connection, name, limits, now_ms)?;
            Ok((sequence, folder))
        }
    }
}
