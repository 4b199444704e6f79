//! Uploaded files: a row for each. May not know where the bytes lie. Promises: a change and its audit row are one commit; a page
//! holds each file once, newest first, whatever is added or removed meanwhile.

use super::{Store, StoreError, audit, column, schema, sealed};
use crate::id::MediaId;
use crate::model::audit::AuditEntry;
use crate::model::media::MediaFile;
use rusqlite::{Connection, OptionalExtension as _, Row};
use std::path::Path;

/// What all files together take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MediaUse {
    /// How many there are.
    pub files: u64,
    /// How many bytes they have together.
    pub bytes: u64,
}

impl Store {
    /// One file. A point read.
    pub fn media_file(&self, id: &MediaId) -> Result<Option<MediaFile>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(ONE)?
                .query_row([id.as_str()], |row| Ok(read(row)))
                .optional()?
                .transpose()
        })
    }

    /// The newest files, or those that come after one in that order; so many at most.
    pub async fn list_media(
        &self,
        after: Option<MediaId>,
        limit: usize,
    ) -> Result<Vec<MediaFile>, StoreError> {
        self.scan(move |connection| {
            let before = after.as_ref().map_or(BEHIND_EVERY_ID, MediaId::as_str);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            connection
                .prepare_cached(PAGE)?
                .query_and_then((before, limit), read)?
                .collect()
        })
        .await
    }

    /// What all files together take.
    pub async fn media_use(&self) -> Result<MediaUse, StoreError> {
        self.scan(|connection| {
            let row = |row: &Row<'_>| {
                Ok(MediaUse {
                    files: column::unsigned(row, 0)?,
                    bytes: column::unsigned(row, 1)?,
                })
            };
            connection
                .prepare_cached(ALL)?
                .query_row([], |found| Ok(row(found)))?
        })
        .await
    }

    /// Adds a file whose bytes lie where they belong.
    pub async fn insert_media(&self, file: MediaFile, entry: AuditEntry) -> Result<(), StoreError> {
        self.write(move |connection| {
            insert(connection, &file)?;
            audit::append(connection, &entry)
        })
        .await
    }

    /// Removes a file's row; what it was, if there was one.
    pub async fn delete_media(
        &self,
        id: MediaId,
        entry: AuditEntry,
    ) -> Result<Option<MediaFile>, StoreError> {
        self.write(move |connection| {
            let removed = connection
                .prepare_cached(DELETE)?
                .query_row([id.as_str()], |row| Ok(read(row)))
                .optional()?
                .transpose()?;
            if removed.is_some() {
                audit::append(connection, &entry)?;
            }
            Ok(removed)
        })
        .await
    }
}

/// The ids and sizes of all files, in a database that is not opened otherwise; `None` where it is of another version.
pub fn inspect_media(path: &Path) -> Result<Option<Vec<(MediaId, u64)>>, StoreError> {
    let connection = sealed::open_to_read(path)?;
    if schema::user_version(&connection)? != schema::NEWEST_VERSION {
        return Ok(None);
    }
    let found: Result<Vec<_>, StoreError> = connection
        .prepare(PAGE)?
        .query_and_then((BEHIND_EVERY_ID, i64::MAX), read)?
        .map(|file| file.map(|file| (file.id, file.size_bytes)))
        .collect();
    found.map(Some)
}

/// Sorts after the text of every id.
const BEHIND_EVERY_ID: &str = "~";

pub(super) const ONE: &str =
    "SELECT id, name, content_type, size_bytes, created_at_ms FROM media WHERE id = ?1";
pub(super) const PAGE: &str = "SELECT id, name, content_type, size_bytes, created_at_ms FROM media
     WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
const ALL: &str = "SELECT count(*), coalesce(sum(size_bytes), 0) FROM media";
pub(super) const DELETE: &str = "DELETE FROM media WHERE id = ?1
     RETURNING id, name, content_type, size_bytes, created_at_ms";

fn insert(connection: &Connection, file: &MediaFile) -> Result<(), StoreError> {
    let size_bytes = i64::try_from(file.size_bytes).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "INSERT INTO media (id, name, content_type, size_bytes, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((
            file.id.as_str(),
            &file.name,
            &file.content_type,
            size_bytes,
            file.created_at_ms,
        ))?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<MediaFile, StoreError> {
    Ok(MediaFile {
        id: column::id(row, 0)?,
        name: row.get(1)?,
        content_type: row.get(2)?,
        size_bytes: column::unsigned(row, 3)?,
        created_at_ms: row.get(4)?,
    })
}
